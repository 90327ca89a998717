"""Speaks with the operator on standard error: one line for each step of a start, with a moving bar on a terminal."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from typing import TextIO

LABEL_CHARS = 54  # deploy/steps.sh has the same shape
BAR_CHARS, BLOCK_CHARS = 20, 5
DRAW_S = 0.1
ERASE = "\r\033[K"


class Console:
    """Standard error: lines, and on a terminal the step that goes on, below them. Any thread may speak."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self.is_terminal = self._stream.isatty()
        self._lock = threading.Lock()
        self._step: tuple[str, float] | None = None
        self._painter: threading.Thread | None = None
        self._over = False

    def say(self, sentence: str) -> None:
        """Tell the operator a sentence of the launcher's own."""
        self.line(f"singlecell: {sentence}")

    def line(self, text: str) -> None:
        """Print a line, above the step that goes on."""
        with self._lock:
            self._print(f"{text}\n")
            self._paint()

    def begin(self, label: str) -> None:
        """Show on a terminal that a step goes on, until it is done or dropped."""
        with self._lock:
            self._step = None if self._over else (label, time.monotonic())
            self._paint()
            if self.is_terminal and self._step and self._painter is None:
                self._painter = threading.Thread(target=self._keep_painting, name="painter", daemon=True)
                self._painter.start()

    def done(self) -> None:
        """Print the line of the step that has come to its end, with its seconds."""
        with self._lock:
            if self._step is not None:
                (label, since), self._step = self._step, None
                self._print(f"singlecell: {label:<{LABEL_CHARS}} {time.monotonic() - since:5.1f} s\n")

    def drop(self) -> None:
        """Take the step away that does not come to its end; no other one follows."""
        with self._lock:
            if self._step is not None:
                self._print("")
            self._step, self._over = None, True

    def _keep_painting(self) -> None:
        while True:
            time.sleep(DRAW_S)
            with self._lock:
                if self._step is None:
                    self._painter = None
                    return
                self._paint()

    def _paint(self) -> None:
        if self._step is None or not self.is_terminal:
            return
        label, since = self._step
        elapsed_s = time.monotonic() - since
        seconds = f"{elapsed_s:5.0f} s"
        beside = LABEL_CHARS - BAR_CHARS - 3
        # A line that is longer than the terminal cannot be drawn over.
        text = f"singlecell: {label[:beside]:<{beside}} [{_bar(elapsed_s)}] {seconds}"
        self._print(text if len(text) < self._columns() else f"singlecell: {label}"[: self._columns() - 1])

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except OSError:
            return 80

    def _print(self, text: str) -> None:
        # The terminal may be closed.
        with suppress(OSError):
            self._stream.write((ERASE if self.is_terminal else "") + text)
            self._stream.flush()


def _bar(elapsed_s: float) -> str:
    """Return a block that goes to and fro."""
    way = BAR_CHARS - BLOCK_CHARS
    step = int(elapsed_s / DRAW_S) % (2 * way)
    left = step if step <= way else 2 * way - step
    return " " * left + "#" * BLOCK_CHARS + " " * (way - left)
