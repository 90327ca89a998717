"""Sends all that a kernel says: texts, which are gathered, and messages, in the order in which they came about."""

from __future__ import annotations

import _thread
import os
import select
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Protocol

from untrusted.kernel.fd_capture import DESCRIPTORS, StandardPipes
from untrusted.kernel.interrupts import Interrupts
from untrusted.kernel.json_clean import Json, valid_text

GATHERED_CHARS_MAX = 8 << 10  # more is sent at once
STREAM_CHARS_MAX = 1 << 20  # of one message: in UTF-8 and JSON it stays below the longest frame
GATHER_S = 0.02  # texts wait this long for neighbours
# A pause between two writes in which other code may have written to a file descriptor; a tight loop has shorter ones.
PAUSE_NS = 600


class Emit(Protocol):
    """What sends a message; ``more``: others follow at once, and it may go with them."""

    def __call__(
        self, msg_type: str, content: dict[str, Json], metadata: dict[str, Json], buffers: list[bytes], /, *,
        more: bool = False,
    ) -> None: ...  # fmt: skip


class Publisher:
    """The one way out of a kernel, for the texts of all threads and pipes, and for messages.

    Writers only append to a list, which needs no lock and survives an interrupt at any point; sending takes the lock
    and is shielded from interrupts. A text for standard output stands in the list by itself, any other with the name
    of its stream.
    """

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._lock = threading.RLock()
        self._parts: list[str | tuple[str, str]] = []
        self._chars = 0
        self._pump_called = False
        self._pumping = False
        self._emit: Emit = _discard
        self._last: dict[str, Json] | None = None  # the content of an execute_result that waits for the end
        self._pipes: StandardPipes | None = None
        self._wake_read = self._wake_write = -1
        self.forked = False
        self._lines = {"stdout": "", "stderr": ""}  # unfinished ones, of a forked process

    def start(self, emit: Emit) -> None:
        """Send to ``emit`` from now on, and catch what is written to the file descriptors 1 and 2."""
        self._parts.clear()
        self._emit = emit
        self._pipes = StandardPipes()
        self._wake_read, self._wake_write = os.pipe()
        os.register_at_fork(after_in_child=self._after_fork)

    def start_pump(self) -> None:
        """Start the thread that sends what was gathered while the code runs; once."""
        if not self._pumping and self._pipes is not None:
            self._pumping = True
            # Not one of threading's: nobody waits until it runs, and the reader's code does not find it among its own.
            _thread.start_new_thread(self._pump, (self._pipes,))

    def writer(self, name: str) -> Callable[[str], int]:
        """Return the ``write`` of the stream ``name``. It runs once or twice in every ``print``: mind its cost."""
        append, clock = self._parts.append, time.monotonic_ns
        written_ns = 0

        def write(text: str) -> int:
            """Take a text; it goes out with its neighbours. Raises TypeError for anything but text."""
            nonlocal written_ns
            if not isinstance(text, str):
                raise TypeError(f"write() argument must be str, not {type(text).__name__}")
            now_ns = clock()
            if now_ns - written_ns > PAUSE_NS:
                if self.forked:
                    return self._write_lines(name, text)
                self._drain()
                now_ns = clock()
            written_ns = now_ns
            append(text if name == "stdout" else (name, text))
            # Looked at after the append: the pump resets it before it looks at the texts, so none is left lying.
            if not self._pump_called:
                self._call_pump()
            chars = len(text)
            self._chars += chars
            if self._chars > GATHERED_CHARS_MAX:
                self.flush()
            return chars

        return write

    def flush(self) -> None:
        """Send all texts gathered so far."""
        if self.forked:
            for name in self._lines:
                self._write_lines(name, "", unfinished=True)
        else:
            with self._interrupts.shielded(), self._lock:
                self._drain()
                self._send_texts()

    def finish(self, *messages: tuple[str, dict[str, Json]]) -> None:
        """Send all texts, half characters included, then these messages, with no text in between.

        The last of them may go with what the worker says next: that the turn is over.
        """
        with self._interrupts.shielded(), self._lock:
            if self._pipes is not None:
                self._parts.extend(self._pipes.finish())
            self._send_texts(more=True)
            for msg_type, content in messages:
                self._emit(msg_type, content, {}, [], more=True)

    def emit(
        self,
        msg_type: str,
        content: dict[str, Json],
        metadata: dict[str, Json] | None = None,
        buffers: Iterable[bytes] = (),
        *,
        more: bool = False,
    ) -> None:
        """Send a message after the texts that came before it. ``content`` and ``metadata``: clean JSON.

        ``more``: another one follows at once.
        """
        if self.forked:
            self._tell_parent(msg_type, content)
            return
        with self._interrupts.shielded(), self._lock:
            self._drain()
            self._send_texts(more=True)
            self._emit(msg_type, content, metadata or {}, list(buffers), more=more)

    def emit_last(self, content: dict[str, Json]) -> None:
        """Send the value of a cell's last expression, with the next thing that is sent: the end of the cell, mostly."""
        if self.forked:
            self._tell_parent("execute_result", content)
            return
        with self._interrupts.shielded(), self._lock:
            self._drain()
            self._send_texts(more=True)
            self._last = content

    def _drain(self) -> None:
        if self._pipes is not None:
            with self._lock:
                self._parts.extend(self._pipes.read())

    def _send_texts(self, more: bool = False) -> None:
        """Send what waits; ``more``: a message follows at once."""
        self._chars = 0
        # Other threads append meanwhile: only what is seen here is taken out, and the list stays the same.
        parts = self._parts[:]
        del self._parts[: len(parts)]
        waiting: list[tuple[str, dict[str, Json]]] = []
        if self._last is not None:
            waiting.append(("execute_result", self._last))
            self._last = None
        for name, text in _merged(parts):
            text = valid_text(text)
            pieces = (text[start : start + STREAM_CHARS_MAX] for start in range(0, len(text), STREAM_CHARS_MAX))
            waiting += [("stream", {"name": name, "text": piece}) for piece in pieces]
        for number, (msg_type, content) in enumerate(waiting, 1):
            self._emit(msg_type, content, {}, [], more=more or number < len(waiting))

    def _call_pump(self) -> None:
        if self._pumping:
            self._pump_called = True
            os.write(self._wake_write, b"\0")

    def _pump(self, pipes: StandardPipes) -> None:
        # Ends, silently, when the reader's code closes descriptors that it does not own.
        wake = self._wake_read
        try:
            while True:
                poll = pipes.poller()
                poll.register(wake, select.POLLIN)
                poll.register(self._interrupts.arrivals, select.POLLIN)
                ready = {descriptor for descriptor, _events in poll.poll()}
                if self._interrupts.arrivals in ready:
                    self._interrupts.nudge()
                time.sleep(GATHER_S)
                if wake in ready:
                    os.read(wake, 64)
                self._pump_called = False
                self.flush()
        except OSError:
            self._pumping = False

    def _after_fork(self) -> None:
        # A process that the reader's code forked has no thread of ours and must not speak on our channel.
        self.forked = True
        self._lock = threading.RLock()
        self._parts.clear()
        self._last = None

    def _write_lines(self, name: str, text: str, unfinished: bool = False) -> int:
        # Whole lines go to the file descriptor, for the parent to read: those of several processes do not mix.
        lines = self._lines[name] + text
        end = len(lines) if unfinished else lines.rfind("\n") + 1
        self._lines[name] = lines[end:]
        data = memoryview(valid_text(lines[:end]).encode())
        while data:
            data = data[os.write(DESCRIPTORS[name], data) :]
        return len(text)

    def _tell_parent(self, msg_type: str, content: dict) -> None:
        if msg_type in ("display_data", "execute_result"):
            self._write_lines("stdout", f"{content['data'].get('text/plain', '')}\n")
        elif msg_type == "error":
            self._write_lines("stderr", "\n".join(content["traceback"]) + "\n")


def _merged(parts: list[str | tuple[str, str]]) -> Iterator[tuple[str, str]]:
    try:
        # The common case at full speed: nothing but standard output.
        text = "".join(parts)  # type: ignore[arg-type]
    except TypeError:
        named = (part if isinstance(part, tuple) else ("stdout", part) for part in parts)
        for name, neighbours in groupby(named, key=itemgetter(0)):
            yield name, "".join(text for _, text in neighbours)
    else:
        yield "stdout", text


def _discard(*_message: object, more: bool = False) -> None:
    pass
