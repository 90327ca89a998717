"""Says what the device needs of a supervisor's process, wherever that runs; reads its first line and its log."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from contextlib import suppress
from typing import IO, Protocol

from device.errors import ConnectError, PortTakenError, RefusedError, printable

START_S = 60.0  # for the answer: self-test and all, on a slow machine
END_S = 3.0  # for the end of a supervisor whose standard input has ended
ANSWER_BYTES_MAX = 4096
LAYER = re.compile(r"[a-z_]{1,40}", re.ASCII)
LOG_LINES_A_MINUTE, LOG_LINE_BYTES_MAX = 100, 1000
log = logging.getLogger(__name__)


class Process(Protocol):
    """A supervisor's process: bytes go down its standard input, one line comes up."""

    # Where the supervisor binds, as its start configuration says.
    address: str

    def reachable_address(self, port: int) -> str:
        """Return host:port under which the device reaches the supervisor's port."""

    def write(self, data: bytes) -> None:
        """Send bytes to its standard input. Raises ConnectError."""

    def read_line(self) -> bytes:
        """Return the first line of its standard output, or what came in its place. Raises ConnectError."""

    @property
    def alive(self) -> bool:
        """Whether it still runs, as far as can be told."""

    def end(self) -> None:
        """Tell it to end, end its standard input, and wait for that; takes ``END_S`` at most."""

    def leave(self) -> None:
        """End its standard input alone: if it holds kept sessions it waits for the next device."""


def wait_until_listening(process: Process, port: int, inheritances: int = 0) -> int | None:
    """Return when the supervisor says that it listens: which of so many inheritances it is; None for a new supervisor.

    Raises PortTakenError, ConnectError with its own sentence.
    """
    untrusted_line = process.read_line()
    if len(untrusted_line) > ANSWER_BYTES_MAX or not untrusted_line.endswith(b"\n"):
        raise ConnectError("the supervisor did not start; the lines that it logged say why")
    try:
        untrusted_answer = json.loads(untrusted_line)
    except (ValueError, RecursionError) as error:
        raise ConnectError("the supervisor answered with something that is not JSON") from error
    if untrusted_answer == {"listening": port}:
        return None
    for index in range(inheritances):
        if untrusted_answer == {"listening": port, "inherited": index}:
            return index
    if not isinstance(untrusted_answer, dict) or not isinstance(sentence := untrusted_answer.get("error"), str):
        raise ConnectError("the supervisor answered with something that is no answer")
    if sentence.startswith("port "):
        raise PortTakenError(printable(sentence))
    untrusted_layers = untrusted_answer.get("layers")
    names = untrusted_layers if isinstance(untrusted_layers, list) else []
    layers = [name for name in names if isinstance(name, str) and LAYER.fullmatch(name)]
    raise RefusedError(printable(sentence, ANSWER_BYTES_MAX), layers)


def log_lines(label: str, stream: IO[bytes]) -> None:
    """Log what the process writes to its standard error, escaped and bounded, until it ends; in a thread."""

    def follow() -> None:
        minute, lines = 0.0, 0
        with stream:
            while untrusted_line := _next_line(stream):
                now = time.monotonic()
                if now - minute > 60:
                    minute, lines = now, 0
                lines += 1
                if lines <= LOG_LINES_A_MINUTE:
                    untrusted_text = untrusted_line.decode("utf-8", "replace").rstrip()
                    log.info("%s: %s", label, printable(untrusted_text, LOG_LINE_BYTES_MAX))
                elif lines == LOG_LINES_A_MINUTE + 1:
                    log.warning("%s: it logs too much; the rest of this minute is left out", label)

    threading.Thread(target=follow, name=f"log of {label}", daemon=True).start()


def _next_line(stream: IO[bytes]) -> bytes:
    while True:
        with suppress(TimeoutError):  # over SSH a stream shares the time limits of its channel; silence is no end
            return stream.readline(LOG_LINE_BYTES_MAX)
