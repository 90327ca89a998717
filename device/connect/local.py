"""Starts a supervisor as a child process of this very account, for machines without a second account."""

from __future__ import annotations

import os
import select
import subprocess
import time
from contextlib import suppress

from device.connect import bundle
from device.connect.process import ANSWER_BYTES_MAX, END_S, START_S, log_lines
from device.errors import ConnectError
from wire import END_WORD


class LocalProcess:
    """A supervisor's process that is our child. Raises ConnectError when it may not or cannot be started."""

    address = "127.0.0.1"

    def __init__(self, python: str) -> None:
        if os.geteuid() == 0:
            raise ConnectError("root never runs user code: name an account with --untrusted-account")
        try:
            self._process = subprocess.Popen(
                [python, "-I", "-B", "-c", bundle.BOOTSTRAP],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={"HOME": _bundle_home(python), "PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
                # Ctrl-C in the terminal is for the device, which ends it in its own order.
                start_new_session=True, bufsize=0,
            )  # fmt: skip
        except OSError as error:
            raise ConnectError(f"there is no Python at {python} ({error.strerror}); set untrusted_python") from error
        if not (self._process.stdin and self._process.stdout and self._process.stderr):
            raise ConnectError("the child process has no pipes")
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        log_lines("the child process", self._process.stderr)

    def reachable_address(self, port: int) -> str:
        """Return host:port of the supervisor's port."""
        return f"{self.address}:{port}"

    def write(self, data: bytes) -> None:
        """Send bytes to its standard input. Raises ConnectError."""
        view = memoryview(data)
        try:
            while view:
                view = view[self._stdin.write(view) :]
        except OSError as error:
            raise ConnectError("the supervisor ended before it had read its start configuration") from error

    def read_line(self) -> bytes:
        """Return the first line of its standard output, or what came in its place."""
        line, deadline = b"", time.monotonic() + START_S
        while not line.endswith(b"\n") and len(line) <= ANSWER_BYTES_MAX:
            ready, _, _ = select.select([self._stdout], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._stdout.fileno(), ANSWER_BYTES_MAX) if ready else b""
            if not piece:
                break
            line += piece
        return line

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def leave(self) -> None:
        """End its standard input alone."""
        self._stdin.close()
        self._stdout.close()

    def end(self) -> None:
        """Tell it to end, and end its standard input; kill it when that is not its end."""
        with suppress(OSError):  # it has ended
            self._stdin.write(END_WORD)
        self._stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stdout.close()


def _bundle_home(python: str) -> str:
    """Return where the bundle is unpacked: sessions see that path, and they see the interpreter's already."""
    prefix = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(python))))
    return prefix if os.access(prefix, os.W_OK) else os.path.expanduser("~")
