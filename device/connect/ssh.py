"""Starts a supervisor behind SSH; the host key must be known, and the device shows one key file alone."""

from __future__ import annotations

import ipaddress
import shlex
import socket
import threading
from contextlib import suppress
from typing import Any, NamedTuple

import paramiko

from device.connect import bundle
from device.connect.process import ANSWER_BYTES_MAX, END_S, START_S, log_lines
from device.errors import ConnectError
from settings import Settings, data_directory
from wire import END_WORD

SSH_S = 15.0  # for each step of the connection
SSH_PORT = 22
PORT_MAX = 65535
NOT_THERE = (126, 127)  # what a shell ends with when it cannot run a program
FORWARDED_BYTES = 64 << 10  # at once
FORWARD_LOOK_S = 1.0  # between two looks at whether the SSH connection lasts


class Address(NamedTuple):
    """The address of an account: user, machine and port of its sshd."""

    user: str
    host: str
    port: int


def parse(account: str) -> Address:
    """Return the parts of ``user@host`` or ``user@host:port``. Raises ConnectError."""
    user, at, machine = account.rpartition("@")
    host, colon, port = machine.partition(":")
    number = int(port) if port.isascii() and port.isdigit() else 0 if colon else SSH_PORT
    if not (at and user and host) or not 0 < number <= PORT_MAX or not (user + host).isprintable():
        raise ConnectError(f"{account!r} is no account: write user@host or user@host:port")
    return Address(user, host, number)


class SshProcess:
    """A supervisor's process in another account. Raises ConnectError with the reason why SSH does not lead there."""

    def __init__(self, account: str, settings: Settings, python: str) -> None:
        self._to, self._account, self._python = parse(account), account, python
        self._forwarded = settings.wall_transport == "ssh"
        self.address = "127.0.0.1" if self._forwarded or is_loopback(self._to.host) else "0.0.0.0"
        self.client = paramiko.SSHClient()
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            self._transport = self._connect(settings)
            self._channel = self._transport.open_session(timeout=SSH_S)
            self._channel.settimeout(SSH_S)
            self._channel.exec_command(f"exec {shlex.quote(python)} -I -B -c {shlex.quote(bundle.BOOTSTRAP)}")
        except (paramiko.SSHException, OSError, EOFError, ValueError) as error:
            self.client.close()
            raise ConnectError(_why(error)) from error
        log_lines(account, self._channel.makefile_stderr("rb"))

    def _connect(self, settings: Settings) -> paramiko.Transport:
        keys = data_directory(settings) / "ssh"
        self.client.load_host_keys(settings.ssh_known_hosts_file or str(keys / "known_hosts"))
        self.client.connect(
            self._to.host, self._to.port, self._to.user, key_filename=settings.ssh_key_file or str(keys / "device_key"),
            allow_agent=False, look_for_keys=False, timeout=SSH_S, banner_timeout=SSH_S, auth_timeout=SSH_S,
            channel_timeout=SSH_S,
        )  # fmt: skip
        transport = self.client.get_transport()
        if transport is None:
            raise paramiko.SSHException("the connection broke")
        transport.set_keepalive(max(1, int(settings.heartbeat_s)))
        return transport

    def reachable_address(self, port: int) -> str:
        """Return host:port under which this side reaches the supervisor's port."""
        if self._forwarded:
            return f"127.0.0.1:{_forward(self._transport, port)}"
        return f"{self._to.host}:{port}"

    def write(self, data: bytes) -> None:
        """Send bytes to its standard input. Raises ConnectError."""
        try:
            self._channel.sendall(data)
        except OSError as error:
            self._look_for_python()
            raise ConnectError("the supervisor ended before it had read its start configuration") from error

    def read_line(self) -> bytes:
        """Return the first line of its standard output, or what came in its place. Raises ConnectError."""
        self._channel.settimeout(START_S)
        line = b""
        try:
            while not line.endswith(b"\n") and len(line) <= ANSWER_BYTES_MAX:
                piece = self._channel.recv(ANSWER_BYTES_MAX)
                if not piece:
                    break
                line += piece
        except TimeoutError:
            pass  # the caller sees that there is no whole line
        if not line:
            self._look_for_python()
        return line

    def _look_for_python(self) -> None:
        if self._channel.status_event.wait(END_S) and self._channel.recv_exit_status() in NOT_THERE:
            raise ConnectError(f"there is no Python at {self._python} over there; set untrusted_python")

    @property
    def alive(self) -> bool:
        """Whether it still runs, as far as can be told."""
        return self._transport.is_active() and not self._channel.exit_status_ready()

    def leave(self) -> None:
        """End the connection alone."""
        self.client.close()

    def end(self) -> None:
        """Tell it to end, end its standard input, and the connection when it has ended."""
        with suppress(OSError, EOFError):  # the connection is gone
            self._channel.settimeout(END_S)
            self._channel.sendall(END_WORD)
            self._channel.shutdown_write()
            self._channel.status_event.wait(END_S)
        self.client.close()


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its address on the loopback."""
    try:
        return ipaddress.ip_address(socket.gethostbyname(host)).is_loopback
    except OSError:
        return False


def _why(error: Exception) -> str:
    match error:
        case paramiko.BadHostKeyException():
            return "its host key is not the one in ssh_known_hosts_file; somebody may be in between"
        case paramiko.PasswordRequiredException():
            return "ssh_key_file is locked with a passphrase; the device needs one without"
        case paramiko.AuthenticationException():
            return "it does not accept the key in ssh_key_file, or its sshd cannot read the file that allows it"
        case paramiko.SSHException() if "not found in known_hosts" in str(error):
            return "its host key is not in ssh_known_hosts_file; compare it and add it there"
        case OSError(filename=str(name)):
            return f"{name} cannot be read: {error.strerror}"
        case OSError():
            return f"SSH does not answer: {error.strerror or error}"
    return f"SSH failed: {error}"


# --- forwarding -----------------------------------------------------------------------------------------------------
def _forward(transport: paramiko.Transport, port: int) -> int:
    """Return a port of our loopback that leads to this port over there, as long as the SSH connection lasts."""
    listener = socket.create_server(("127.0.0.1", 0))
    local_port: int = listener.getsockname()[1]
    threading.Thread(target=_serve, args=(listener, transport, port), name="forward", daemon=True).start()
    return local_port


def _serve(listener: socket.socket, transport: paramiko.Transport, port: int) -> None:
    listener.settimeout(FORWARD_LOOK_S)
    with listener:
        while transport.is_active():
            try:
                ours, peer = listener.accept()
            except TimeoutError:
                continue
            ours.settimeout(None)
            try:
                theirs = transport.open_channel("direct-tcpip", ("127.0.0.1", port), peer)
            except (paramiko.SSHException, OSError):
                ours.close()
                continue
            # A thread for each direction: one that waits to send must not keep the other from reading.
            for source, sink in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=_pump, args=(source, sink), name="forward", daemon=True).start()


def _pump(source: Any, sink: Any) -> None:
    """Carry bytes from one socket (or channel) to the other until either ends, then end both."""
    try:
        while data := source.recv(FORWARDED_BYTES):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        with suppress(OSError, EOFError):  # the other thread was first
            end.shutdown(socket.SHUT_RDWR)
        end.close()
