"""Keeping the parts: honcho starts them and mixes their output; when one ends, or we are asked to, all end."""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Queue
from typing import Any

from honcho.manager import Manager
from honcho.process import Popen, Process

from host import descendants
from host.journal import Journal, tail
from host.parts import Part

ORDERS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
SIGNALS = ORDERS | {signal.SIGCHLD}
# Everything has ended 5 s after the order: the early parts have so long, then all parts, then what is left is killed.
EARLY_S = 2.0
KILL_S = 3.5
GONE_S = 1.0
LOOK_S = 0.02


class PartProcess(Process):
    """Honcho's runner of one part, which ends with the launcher however that dies."""

    def run(self, events: Queue[Any] | None = None, ignore_signals: bool = False) -> None:
        """Run the part to its end and report it."""
        descendants.die_with_parent(os.getppid())
        # The launcher takes its signals in one thread and blocks them everywhere; parts must hear them.
        self._child_ctor = functools.partial(
            Popen, preexec_fn=functools.partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, SIGNALS)
        )
        super().run(events, ignore_signals)


class Parts(Manager):
    """All parts of one server. ``died`` names the part whose end was nobody's order."""

    def __init__(self, parts: list[Part], journal: Journal, when_started: Callable[[], None]) -> None:
        super().__init__(journal)
        self._process_ctor = PartProcess
        self._parts = parts
        self._when_started = when_started
        self._terminating = False
        self._journal = journal
        self._ordered = threading.Event()
        # As under nohup.
        self._survives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self.died: str | None = None
        for part in parts:
            self.add_process(part.name, part.command, env=part.environment, cwd=str(part.directory))

    def run(self) -> None:
        """Start all parts and return when all have ended and nothing below us is left."""
        descendants.adopt_orphans()
        # Blocked before the first thread and process start, so that only sigwait takes them.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self.loop()
        self._clear()

    def last_words(self) -> list[str]:
        """Return the last lines of the part that died, those of its own log file first."""
        if self.died is None:
            return []
        said = list(self._journal.tails[self.died])
        log = next(part.log for part in self._parts if part.name == self.died)
        with suppress(OSError):  # it may have died before it had one
            said = tail(log) + said if log else said
        return said

    def _start(self) -> None:
        super()._start()
        for target in (self._wait_for_signal, self._when_started):
            threading.Thread(target=target, daemon=True).start()

    def _wait_for_signal(self) -> None:
        runners = {entry["process"].pid for entry in self._processes.values()}
        while True:
            received = signal.sigwait(SIGNALS)
            if received not in ORDERS:
                descendants.reap(keep=runners)
                continue
            if received == signal.SIGHUP and self._survives_terminal:
                continue
            self._system_print(f"{signal.Signals(received).name}: ending\n")
            self._ordered.set()
            self.terminate()

    def terminate(self) -> None:
        """End all parts, the early ones first; returns at once. Called by honcho when one has ended."""
        if not self._ordered.is_set() and self.died is None:
            self.died = next((name for name in self._processes if self._has_stopped(name)), None)
        if not self._terminating:
            self._terminating = True
            threading.Thread(target=self._end, daemon=True).start()

    def kill(self) -> None:
        """Kill everything below us but honcho's runners, which report the ends."""
        runners = {entry["process"].pid for entry in self._processes.values()}
        descendants.kill([pid for pid in descendants.find(os.getpid()) if pid not in runners])

    def _end(self) -> None:
        began = time.monotonic()
        early = [part.name for part in self._parts if part.early]
        late = [part.name for part in self._parts if not part.early]
        for names, until_s in ((early, EARLY_S), (late, KILL_S)):
            while not all(map(self._has_started, names)) and time.monotonic() < began + until_s:
                time.sleep(LOOK_S)
            for name in names:
                if self._has_started(name) and not self._has_stopped(name):
                    self._procmgr.terminate(self._processes[name]["pid"])
            while not all(map(self._has_stopped, names)) and time.monotonic() < began + until_s:
                time.sleep(LOOK_S)
        while not self._all_stopped():
            self.kill()
            time.sleep(LOOK_S)

    def _clear(self) -> None:
        """Wait for what the parts left behind, and kill what does not end."""
        deadline = time.monotonic() + GONE_S
        for entry in self._processes.values():
            entry["process"].join()
        while left := descendants.find(os.getpid()):
            if time.monotonic() > deadline:
                descendants.kill(left)
            time.sleep(LOOK_S)
            descendants.reap()
        descendants.reap()

    def _has_started(self, name: str) -> bool:
        return self._processes[name].get("pid") is not None

    def _has_stopped(self, name: str) -> bool:
        return self._processes[name].get("returncode") is not None
