"""Start the services of one server, start again what dies, and end all when a signal or what cannot be mended asks."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from host import descendants
from host.deaths import Deaths, how
from host.errors import EXIT_MISSING, EXIT_SERVICE_DIED, EXIT_SETTINGS, HostError, ObstacleError
from host.logs import ServiceLog, tail
from host.readable import last_words, own_sentences
from host.services import Service

ORDERS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
SIGNALS = ORDERS | {signal.SIGCHLD}
# Everything has ended 5 s after the order: early services have so long, then all others, and what is left is killed.
EARLY_S = 2.0
KILL_S = 3.5
GONE_S = 1.0
LOOK_S = 0.02
HEAR_S = 0.5  # for what it said last to come through its pipe, which others may hold open
# Of a service that has never worked: a start that fails so often fails for a reason that no other start mends.
DEATHS_MAX_AT_START = 3
# What was in its way may go by itself: workers of the web part that has died hold its port for a moment.
OBSTACLE_S = 3.0
OBSTACLE_LOOK_S = 0.5  # between two looks at whether there is room again
WORDS_MAX = 5  # of its last lines, in the log
OUR_NAME = "system"  # under which the launcher itself speaks in the log


@dataclass
class Living:
    """A service's process, and when it was started, by the monotonic clock."""

    process: subprocess.Popen[bytes]
    since: float


class ServiceManager:
    """The processes of one server.

    ``fault``: why the server ended although no signal had asked for it.
    """

    def __init__(self, services: list[Service], log: ServiceLog, when_started: Callable[[], None]) -> None:
        self._services = services
        self._log = log
        self._when_started = when_started
        # As under nohup.
        self._survives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._running: dict[str, Living] = {}
        self._readers: dict[str, threading.Thread] = {}
        self._ending_since: float | None = None
        self._told: set[str] = set()
        self._deaths: defaultdict[str, Deaths] = defaultdict(Deaths)
        # When those that died are started again; since when something is in their way.
        self._due: dict[str, float] = {}
        self._blocked_since: dict[str, float] = {}
        self._ready = threading.Event()
        self.fault: HostError | None = None

    def run(self) -> None:
        """Start all services, and again those that die; return when all have ended and nothing below us is left."""
        descendants.adopt_orphans()
        # Blocked before the first process and thread start, so that only sigtimedwait takes them.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        for service in self._services:
            self._start(service)
        threading.Thread(target=self._when_started, daemon=True).start()
        while self._running or (self._due and self._ending_since is None):
            self._wait()
            if self._ending_since is not None:
                self._end(time.monotonic() - self._ending_since)
            else:
                self._start_again(time.monotonic())
        self._clear()

    def is_ready(self) -> None:
        """Hear that a cell has run: whatever dies from now on has worked before."""
        self._ready.set()
        self._log.speak_up()

    # --- beginnings ---------------------------------------------------------------------------------------------
    def _start(self, service: Service) -> None:
        launcher = os.getpid()

        def prepare() -> None:
            # It takes no lock: other threads run, and what they held at the fork nobody would ever give back.
            # Until the service's own command asks for another signal at our death (host/layout.py).
            descendants.die_with_parent(launcher)
            # Ctrl-C between the fork and the new session was for the launcher, which has heard it.
            while signal.sigtimedwait(SIGNALS, 0):
                pass
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

        # In a session of its own, a service does not hear Ctrl-C from the terminal. All fork from this thread, for the
        # kernel takes its end for their parent's.
        process = subprocess.Popen(
            service.command, shell=True, env=service.environment, cwd=service.directory, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=prepare,
        )  # fmt: skip
        self._log.tails[service.name].clear()
        self._running[service.name] = Living(process, time.monotonic())
        deaths = self._deaths[service.name]
        again = " again" if deaths.in_a_row else ""
        self._say(f"{service.name} started{again} (pid={process.pid})", aloud=bool(again) and deaths.is_news)
        assert process.stdout
        self._readers[service.name] = threading.Thread(
            target=self._read, args=(service.name, process.stdout), daemon=True
        )
        self._readers[service.name].start()

    def _read(self, name: str, output: IO[bytes]) -> None:
        for line in output:
            self._log.write(name, line.decode("utf-8", "replace"))

    def _start_again(self, now: float) -> None:
        """Start those that are due, in the order of the services: what others need comes first."""
        for service in self._services:
            if self._due.get(service.name, now + 1) > now:
                continue
            if missing := self._due.keys() & set(service.needs):
                self._due[service.name] = max(self._due[name] for name in missing) + LOOK_S
                continue
            try:
                service.check()
            except HostError as error:
                if not self._is_patient(service, error, now):
                    self._give_up(error)
                    return
                continue
            self._blocked_since.pop(service.name, None)
            del self._due[service.name]
            self._start(service)

    def _is_patient(self, service: Service, error: HostError, now: float) -> bool:
        """Return whether a service waits on for what is in its way to go; a server that has worked waits for room."""
        is_new = service.name not in self._blocked_since
        blocked_s = now - self._blocked_since.setdefault(service.name, now)
        waits = isinstance(error, ObstacleError) and self._ready.is_set()
        if is_new and waits:
            self._say(f"{service.name} waits: {error}", aloud=True)
        self._due[service.name] = now + (OBSTACLE_LOOK_S if waits else LOOK_S)
        return waits or blocked_s <= OBSTACLE_S

    # --- deaths -------------------------------------------------------------------------------------------------
    def _wait(self) -> None:
        """Wait for a signal, or until a service is to be started again, and do what the signal asks."""
        now = time.monotonic()
        pause_s = LOOK_S if self._ending_since is not None else max(0.0, min([now + 3600, *self._due.values()]) - now)
        received = signal.sigtimedwait(SIGNALS, pause_s)
        if received is not None and received.si_signo in ORDERS:
            if received.si_signo == signal.SIGHUP and self._survives_terminal:
                return
            self._begin_end(f"{signal.Signals(received.si_signo).name}: ending")
        self._collect()

    def _collect(self) -> None:
        """Take the exit codes of services and of orphans that have ended."""
        for service in self._services:
            living = self._running.get(service.name)
            if living is None or not has_ended(living.process.pid):
                continue
            # What it forked would hold its port or its files, and has lost who looked after it.
            with suppress(ProcessLookupError):
                os.killpg(living.process.pid, signal.SIGKILL)
            code = living.process.wait()
            del self._running[service.name]
            if self._ending_since is not None or service.is_job:
                self._say(f"{service.name} stopped (rc={code})")
            else:
                self._mourn(service, code, time.monotonic() - living.since)
        descendants.reap(keep={living.process.pid for living in self._running.values()})

    def _mourn(self, service: Service, code: int, lived_s: float) -> None:
        """Log the death of a service; have it started again, or end all where that cannot mend it."""
        self._readers[service.name].join(HEAR_S)
        said = self._said(service)
        deaths = self._deaths[service.name]
        deaths.add(lived_s, (own_sentences(said) or last_words(said))[-WORDS_MAX:])
        at_start = not self._ready.is_set()
        if code == EXIT_SETTINGS or (
            at_start and (code == EXIT_MISSING or deaths.in_a_row >= DEATHS_MAX_AT_START)
        ):
            self._say(f"{service.name} {how(code)}")
            self._give_up(no_cure(service, code, said))
            return
        count = f", {deaths.in_a_row} times in a row" if deaths.in_a_row > 1 else ""
        pause = f"it is started again in {deaths.pause_s:g} s"
        self._say(f"{service.name} {how(code)}{count}; {pause}", aloud=deaths.is_news)
        for line in deaths.words if deaths.said_something_else else ():
            self._say(f"  {service.name} said: {line}", aloud=True)
        self._due[service.name] = time.monotonic() + deaths.pause_s

    def _said(self, service: Service) -> list[str]:
        """Return the last lines of a service, those of its own log file first."""
        said = list(self._log.tails[service.name])
        with suppress(OSError):  # it may have died before it had one
            said = tail(service.log) + said if service.log else said
        return said

    # --- the end ------------------------------------------------------------------------------------------------
    def _give_up(self, fault: HostError) -> None:
        self.fault = fault
        self._begin_end("this cannot be mended: ending", aloud=False)

    def _begin_end(self, sentence: str, *, aloud: bool = True) -> None:
        self._log.hush()
        self._say(sentence, aloud=aloud)
        self._ending_since = self._ending_since or time.monotonic()

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
                os.killpg(self._running[name].process.pid, signal.SIGTERM)

    def _clear(self) -> None:
        """Wait for what the services left behind, and kill what does not end."""
        deadline = time.monotonic() + GONE_S
        while left := descendants.find(os.getpid()):
            if time.monotonic() > deadline:
                descendants.kill(left)
            time.sleep(LOOK_S)
            descendants.reap()
        descendants.reap()
        for reader in self._readers.values():  # nobody holds the pipes any more: the last words are read
            reader.join(GONE_S)

    def _say(self, sentence: str, *, aloud: bool = False) -> None:
        self._log.note(OUR_NAME, sentence, aloud=aloud)


def no_cure(service: Service, code: int, said: list[str]) -> HostError:
    """Return what the operator is told of a death that no other start mends."""
    exit_code = code if code in (EXIT_SETTINGS, EXIT_MISSING) else EXIT_SERVICE_DIED
    if own := own_sentences(said):
        return HostError("\n".join(own), exit_code)
    head = f"the service {service.name} {how(code)}, so all others were stopped; it said last:"
    return HostError("\n".join([head, *(f"  {line}" for line in last_words(said))]), exit_code)


def has_ended(pid: int) -> bool:
    """Return whether a child has ended; its exit code can still be taken, and its id is nobody else's yet."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
