"""Starts a supervisor behind SSH; the host key must be known, and the device shows one key file alone."""

from __future__ import annotations

import shlex
import socket
import threading
from contextlib import suppress
from typing import Any

import paramiko

from device.connect import bundle
from device.connect.address import Address, parse
from device.connect.process import ANSWER_BYTES_MAX, END_S, START_S, log_lines
from device.errors import ConnectError
from settings import Settings, data_directory
from wire import END_WORD

SSH_S = 15.0  # for each step of the connection
LOOPBACK = "127.0.0.1"
NOT_THERE = (126, 127)  # what a shell ends with when it cannot run a program
FORWARDED_BYTES = 64 << 10  # at once
CONNECT_FAILED = 2  # RFC 4254, 5.1
FORWARD_LOOK_S = 1.0  # between two looks at whether the SSH connection lasts
SSH_ERRORS = (paramiko.SSHException, OSError, EOFError, ValueError)


class SshProcess:
    """A supervisor's process in another account. Raises ConnectError with the reason why SSH does not lead there.

    A host that dials out is reached through its relay, by SSH inside SSH: the relay carries what it cannot read.
    """

    def __init__(self, account: str, settings: Settings, python: str) -> None:
        self._to, self._account, self._python = parse(account), account, python
        self._forwarded = settings.wall_transport == "ssh" or self._to.via is not None
        self.address = LOOPBACK if self._forwarded or self._to.is_here else "0.0.0.0"
        self._clients: list[paramiko.SSHClient] = []  # the inner one first
        try:
            way = self._through_relay(self._to.via, settings) if self._to.via else None
            self._transport = self._log_in(self._to, settings, way)
            self._channel = self._transport.open_session(timeout=SSH_S)
            self._channel.settimeout(SSH_S)
            self._channel.exec_command(f"exec {shlex.quote(python)} -I -B -c {shlex.quote(bundle.BOOTSTRAP)}")
        except SSH_ERRORS as error:
            self._close()
            raise ConnectError(_why(error)) from error
        except ConnectError:
            self._close()
            raise
        log_lines(account, self._channel.makefile_stderr("rb"))

    def _log_in(self, to: Address, settings: Settings, way: paramiko.Channel | None = None) -> paramiko.Transport:
        """Return an SSH connection, over ``way`` where there is one, with a host key that is known."""
        client = paramiko.SSHClient()
        self._clients.insert(0, client)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        keys = data_directory(settings) / "ssh"
        client.load_host_keys(settings.ssh_known_hosts_file or str(keys / "known_hosts"))
        client.connect(
            to.host, to.port, to.user, key_filename=settings.ssh_key_file or str(keys / "device_key"), sock=way,
            allow_agent=False, look_for_keys=False, timeout=SSH_S, banner_timeout=SSH_S, auth_timeout=SSH_S,
            channel_timeout=SSH_S,
        )  # fmt: skip
        transport = client.get_transport()
        if transport is None:
            raise paramiko.SSHException("the connection broke")
        transport.set_keepalive(max(1, int(settings.heartbeat_s)))
        return transport

    def _through_relay(self, relay: Address, settings: Settings) -> paramiko.Channel:
        """Return the way to the port that the host has opened on the relay's loopback. Raises ConnectError."""
        port = self._to.port
        try:
            transport = self._log_in(relay, settings)
            return transport.open_channel("direct-tcpip", (LOOPBACK, port), (LOOPBACK, 0), timeout=SSH_S)
        except paramiko.ChannelException as error:
            if error.code == CONNECT_FAILED:
                raise ConnectError(f"no host has dialed into port {port} of the relay") from error
            raise ConnectError(f"the relay does not let this device reach its port {port}") from error
        except SSH_ERRORS as error:
            raise ConnectError(f"the relay: {_why(error)}") from error

    def _close(self) -> None:
        for client in self._clients:
            client.close()

    def reachable_address(self, port: int) -> str:
        """Return host:port under which this side reaches the supervisor's port."""
        if self._forwarded:
            return f"{LOOPBACK}:{_forward(self._transport, port)}"
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
        self._close()

    def end(self) -> None:
        """Tell it to end, end its standard input, and the connection when it has ended."""
        with suppress(OSError, EOFError):  # the connection is gone
            self._channel.settimeout(END_S)
            self._channel.sendall(END_WORD)
            self._channel.shutdown_write()
            self._channel.status_event.wait(END_S)
        self._close()


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
    listener = socket.create_server((LOOPBACK, 0))
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
                theirs = transport.open_channel("direct-tcpip", (LOOPBACK, port), peer)
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
