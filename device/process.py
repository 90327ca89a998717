"""A supervisor's process, here or over SSH: bytes down its standard input, one line up, log lines, and its death."""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import select
import shlex
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Any, Protocol

import paramiko

from device import cargo
from device.forward import forward
from device.trouble import PortTaken, Trouble

START_S = 60.0  # self-test and all, on a slow machine
SSH_S = 15.0
ANSWER_BYTES_MAX = 4096
LOG_LINE_CHARS = 300
log = logging.getLogger(__name__)


class Process(Protocol):
    """What the device needs of a supervisor's process."""

    # Where the supervisor binds, as its charter says.
    address: str

    def dial_address(self, port: int) -> str:
        """Return host:port under which this side reaches the supervisor's port."""

    def write(self, data: bytes) -> None:
        """Send bytes to its standard input. Raises Trouble."""

    def read_line(self) -> bytes:
        """Return the first line of its standard output. Raises Trouble."""

    @property
    def alive(self) -> bool:
        """Whether it still runs, as far as can be told."""

    def end(self) -> None:
        """Close its standard input, which is its end; kill what can be killed."""


class Child:
    """A supervisor as a child process of this account; for machines where there is no second account."""

    address = "127.0.0.1"

    def __init__(self, python: str) -> None:
        if os.geteuid() == 0:
            raise Trouble("root never runs user code: name an account with --untrusted-account")
        try:
            self._process = subprocess.Popen(
                [python, "-I", "-B", "-c", cargo.RECEIVE],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={"HOME": os.path.expanduser("~"), "PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
                start_new_session=True, bufsize=0,
            )  # fmt: skip
        except OSError as error:
            raise Trouble(f"there is no Python at {python}: {error.strerror}") from error
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        _log_lines("child", self._process.stderr)

    def dial_address(self, port: int) -> str:
        return f"{self.address}:{port}"

    def write(self, data: bytes) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[self._stdin.write(view) :]
        except OSError as error:
            raise Trouble("the supervisor ended before it had read its charter") from error

    def read_line(self) -> bytes:
        line, deadline = b"", time.monotonic() + START_S
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._stdout], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._stdout.fileno(), ANSWER_BYTES_MAX) if ready else b""
            line += piece
            if not piece or len(line) > ANSWER_BYTES_MAX:
                break
        return line

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        self._stdin.close()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stdout.close()


class Remote:
    """A supervisor behind SSH. The host key must be known; nothing is accepted, added or guessed."""

    def __init__(self, account: str, settings: Any, python: str) -> None:
        user, _, place = account.rpartition("@")
        host, _, port = place.partition(":")
        if not user or not host or (port and not port.isdigit()):
            raise Trouble(f"{account!r} is no account: write user@host or user@host:port")
        self._host, self._account = host, account
        self._forwarded = settings.wall_transport == "ssh"
        self.address = "127.0.0.1" if self._forwarded or _is_loopback(host) else "0.0.0.0"
        self.client = paramiko.SSHClient()
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        known_hosts = settings.ssh_known_hosts_file or str(_data(settings) / "ssh" / "known_hosts")
        key_file = settings.ssh_key_file or str(_data(settings) / "ssh" / "device_key")
        try:
            self.client.load_host_keys(known_hosts)
            self.client.connect(
                host, int(port or 22), user, key_filename=key_file, allow_agent=False, look_for_keys=False,
                timeout=SSH_S, banner_timeout=SSH_S, auth_timeout=SSH_S,
            )  # fmt: skip
        except Exception as error:
            self.client.close()
            raise Trouble(_why(account, error, known_hosts, key_file)) from error
        transport = self.client.get_transport()
        if transport is None:
            raise Trouble(f"{account}: the SSH connection broke")
        transport.set_keepalive(int(settings.heartbeat_s) or 1)
        self._channel = transport.open_session(timeout=SSH_S)
        self._channel.exec_command(f"exec {shlex.quote(python)} -I -B -c {shlex.quote(cargo.RECEIVE)}")
        self._python, self._transport = python, transport
        _log_lines(account, self._channel.makefile_stderr("rb"))

    def dial_address(self, port: int) -> str:
        if self._forwarded:
            return f"127.0.0.1:{forward(self._transport, port)}"
        return f"{self._host}:{port}"

    def write(self, data: bytes) -> None:
        try:
            self._channel.sendall(data)
        except OSError as error:
            raise Trouble(f"{self._account}: there is no usable Python at {self._python} ({error})") from error

    def read_line(self) -> bytes:
        self._channel.settimeout(START_S)
        line = b""
        try:
            while not line.endswith(b"\n") and len(line) <= ANSWER_BYTES_MAX:
                piece = self._channel.recv(ANSWER_BYTES_MAX)
                if not piece:
                    break
                line += piece
        except TimeoutError:
            pass
        if not line and self._channel.exit_status_ready() and self._channel.recv_exit_status() in (126, 127):
            raise Trouble(f"{self._account}: there is no Python at {self._python}; set untrusted_python")
        return line

    @property
    def alive(self) -> bool:
        transport = self.client.get_transport()
        return transport is not None and transport.is_active() and not self._channel.exit_status_ready()

    def end(self) -> None:
        self._channel.shutdown_write()
        # The supervisor ends when its input ends; the connection stays until it has.
        self._channel.status_event.wait(3)
        self.client.close()


def listening(process: Process, port: int) -> None:
    """Return when the supervisor says that it listens. Raises PortTaken, Trouble with its own sentence."""
    untrusted_line = process.read_line()
    if len(untrusted_line) > ANSWER_BYTES_MAX or not untrusted_line.endswith(b"\n"):
        raise Trouble("the supervisor did not answer with a line; its log may say why")
    try:
        untrusted_answer = json.loads(untrusted_line)
    except ValueError as error:
        raise Trouble("the supervisor answered with something that is not JSON") from error
    if untrusted_answer == {"listening": port}:
        return
    sentence = untrusted_answer.get("error") if isinstance(untrusted_answer, dict) else None
    if not isinstance(sentence, str):
        raise Trouble("the supervisor answered with something that is no answer")
    raise (PortTaken if sentence.startswith("port ") else Trouble)(_printable(sentence))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(socket.gethostbyname(host)).is_loopback
    except OSError:
        return False


def _data(settings: Any) -> Path:
    return Path(settings.data_directory or "data")


def _why(account: str, error: Exception, known_hosts: str, key_file: str) -> str:
    match error:
        case paramiko.BadHostKeyException():
            return f"{account}: the host key is not the one in {known_hosts}; somebody may be in between"
        case paramiko.AuthenticationException():
            return f"{account}: the account does not accept the key {key_file}"
        case paramiko.SSHException() if "not found in known_hosts" in str(error):
            return f"{account}: its host key is not in {known_hosts}; add it there by hand"
        case FileNotFoundError():
            return f"{account}: {error.filename} is missing"
        case OSError():
            return f"{account}: SSH does not answer ({error.strerror or error})"
    return f"{account}: SSH failed ({error})"


def _printable(untrusted_text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in untrusted_text)[:LOG_LINE_CHARS]


def _log_lines(name: str, stream: IO[bytes]) -> None:
    def run() -> None:
        with stream:
            while untrusted_line := stream.readline(LOG_LINE_CHARS):
                log.info("%s: %s", name, _printable(untrusted_line.decode("utf-8", "replace").rstrip()))

    threading.Thread(target=run, name=f"log of {name}", daemon=True).start()
