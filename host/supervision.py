"""Start the services of one server, log what they say, and end them all when one ends or a signal asks for it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from host import descendants
from host.logs import ServiceLog, tail
from host.services import Service

ORDERS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
SIGNALS = ORDERS | {signal.SIGCHLD}
# Everything has ended 5 s after the order: early services have so long, then all others, and what is left is killed.
EARLY_S = 2.0
KILL_S = 3.5
GONE_S = 1.0
LOOK_S = 0.02
OUR_NAME = "system"  # under which the launcher itself speaks in the log


class ServiceManager:
    """The processes of one server. ``died`` names the service that ended although nobody had asked for it."""

    def __init__(self, services: list[Service], log: ServiceLog, when_started: Callable[[], None]) -> None:
        self._services = services
        self._log = log
        self._when_started = when_started
        # As under nohup.
        self._survives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._readers: list[threading.Thread] = []
        self._ending_since: float | None = None
        self._told: set[str] = set()
        self._jobs = {service.name for service in services if service.is_job}
        self.died: str | None = None

    def run(self) -> None:
        """Start all services and return when all have ended and nothing below us is left."""
        descendants.adopt_orphans()
        # Blocked before the first process and thread start, so that only sigtimedwait takes them.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        # All processes before the first thread: they fork from this thread, and end with it.
        outputs = [(service.name, self._start(service)) for service in self._services]
        for name, output in outputs:
            self._readers.append(threading.Thread(target=self._read, args=(name, output), daemon=True))
        for thread in (*self._readers, threading.Thread(target=self._when_started, daemon=True)):
            thread.start()
        while self._running:
            self._wait()
            if self._ending_since is not None:
                self._end(time.monotonic() - self._ending_since)
        self._clear()

    def last_words(self) -> list[str]:
        """Return the last lines of the service that died, those of its own log file first."""
        if self.died is None:
            return []
        said = list(self._log.tails[self.died])
        file = next(service.log for service in self._services if service.name == self.died)
        with suppress(OSError):  # it may have died before it had one
            said = tail(file) + said if file else said
        return said

    def _start(self, service: Service) -> IO[bytes]:
        launcher = os.getpid()

        def prepare() -> None:
            # Until the service's own command asks for another signal at our death (host/layout.py).
            descendants.die_with_parent(launcher)
            # Ctrl-C between the fork and the new session was for the launcher, which has heard it.
            while signal.sigtimedwait(SIGNALS, 0):
                pass
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

        # In a session of its own, a service does not hear Ctrl-C from the terminal.
        process = subprocess.Popen(
            service.command, shell=True, env=service.environment, cwd=service.directory, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=prepare,
        )  # fmt: skip
        self._running[service.name] = process
        self._say(f"{service.name} started (pid={process.pid})")
        assert process.stdout
        return process.stdout

    def _read(self, name: str, output: IO[bytes]) -> None:
        for line in output:
            self._log.write(name, line.decode("utf-8", "replace"))

    def _wait(self) -> None:
        """Wait for a signal, while we end for a moment at most, and do what it asks."""
        received = signal.sigtimedwait(SIGNALS, LOOK_S if self._ending_since is not None else 3600)
        if received is not None and received.si_signo in ORDERS:
            if received.si_signo == signal.SIGHUP and self._survives_terminal:
                return
            self._say(f"{signal.Signals(received.si_signo).name}: ending")
            self._ending_since = self._ending_since or time.monotonic()
        self._collect()

    def _collect(self) -> None:
        """Take the exit codes of services and of orphans that have ended."""
        for name, process in list(self._running.items()):
            if process.poll() is None:
                continue
            del self._running[name]
            self._say(f"{name} stopped (rc={process.returncode})")
            if self._ending_since is None and name not in self._jobs:
                self.died, self._ending_since = name, time.monotonic()
        descendants.reap(keep={process.pid for process in self._running.values()})

    def _end(self, elapsed_s: float) -> None:
        """Do what is due so long after the order: ask the early services to end, then the others, then kill all."""
        early = {service.name for service in self._services if service.early}
        self._ask_to_end(early)
        if elapsed_s > EARLY_S or not early & self._running.keys():
            self._ask_to_end(self._running.keys() - early)
        if elapsed_s > KILL_S:
            descendants.kill(descendants.find(os.getpid()))

    def _ask_to_end(self, names: set[str]) -> None:
        for name in (names & self._running.keys()) - self._told:
            self._told.add(name)
            with suppress(ProcessLookupError):
                os.killpg(self._running[name].pid, signal.SIGTERM)

    def _clear(self) -> None:
        """Wait for what the services left behind, and kill what does not end."""
        deadline = time.monotonic() + GONE_S
        while left := descendants.find(os.getpid()):
            if time.monotonic() > deadline:
                descendants.kill(left)
            time.sleep(LOOK_S)
            descendants.reap()
        descendants.reap()
        for reader in self._readers:  # nobody holds the pipes any more: the last words are read
            reader.join(GONE_S)

    def _say(self, sentence: str) -> None:
        self._log.write(OUR_NAME, sentence)
