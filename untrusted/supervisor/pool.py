"""Keeps workers of one language ready: starts its zygote, and has workers forked before anybody asks for them."""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

from untrusted.channel import FORK, FORKED, WARM, WARM_BYTES_MAX, SupervisorEnd
from untrusted.languages import Language
from untrusted.sandbox.limiter.group import Limiter
from untrusted.sandbox.plan import Plan
from untrusted.supervisor.worker_process import WorkerProcess
from wire import FRAME_BYTES_MAX, LanguageConfig

log = logging.getLogger(__name__)

NO_HOME = Path("/nonexistent")
CODE_DIRECTORY = Path(__file__).resolve().parents[2]
# A worker's frame is passed on inside one of ours: leave room for the envelope.
WORKER_FRAME_BYTES_MAX = FRAME_BYTES_MAX - (64 << 10)
RESTART_PAUSE_S = 1.0
EARLY_DEATH_PAUSE_S = 0.5
EARLY_DEATHS_MAX = 5  # in a row: what the language needs is there no more, which its zygote will find
# A cell that has just got its worker is not slowed by the fork of the next one, while there are enough.
REFILL_PAUSE_S = 0.05
# So many are made ready at once: one more would make those before it later, and none earlier.
STARTING_MAX = 2 * len(os.sched_getaffinity(0))
FAILURES_TOLD = 2  # then the device is told that this language cannot run
LOADING_S_MAX = 300.0  # large libraries take seconds, on a slow disk a minute
# There is no network: one try to reach it is enough, and nobody is asked anything.
PIP_SETTINGS = {"PIP_RETRIES": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
# One thread for each numerical library: a pool of threads made before the fork is dead after it, and a zygote with
# threads cannot settle. Our own kernel loads NumPy for every language.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from untrusted.worker.{} import main; main()"


def make_home() -> Path:
    """Return a new, empty home for the zygotes of this supervisor: libraries keep caches there, and read settings.

    It never holds what sessions, or earlier programs of the account, have written.
    """
    try:
        return Path(tempfile.mkdtemp(prefix="home-", dir=CODE_DIRECTORY))
    except OSError:
        return NO_HOME


class Pool:
    """The zygote of one language, and its workers that no session has yet: ``ready_target`` of them are kept ready.

    ``alive``: whether there is a zygote; ``warm``: whether it has loaded its language. ``can_run``: whether sessions
    can be had: of a foreign kernel it is known when one has started in the sandbox. ``ready``, ``starting``: workers
    that have said Ready, and those that have not. ``orders``: the socket to the zygote.
    """

    def __init__(
        self,
        language: Language,
        config: LanguageConfig,
        plan: Plan,
        limiter: Limiter,
        ready_target: int,
        home: Path,
    ) -> None:
        self.language, self._python, self._limits = language, config.python, config.limits
        self._home = home
        self._plan, self._limiter, self._ready_target = plan, limiter, ready_target
        self.version, self.packages = "", dict[str, str]()
        self.warm = self.alive = self.can_run = False
        self._failures, self._start_at, self._refill_at, self._started_at = 0, 0.0, 0.0, 0.0
        self._pause_until = 0.0
        self._early_deaths = 0
        self.ready: deque[WorkerProcess] = deque()
        self.starting: dict[int, WorkerProcess] = {}
        self._expected: deque[list[socket.socket]] = deque()
        self._start()

    @property
    def settled(self) -> bool:
        """Whether it is known if the language can run here."""
        return self.can_run or self._failures >= FAILURES_TOLD

    def _start(self) -> None:
        """Start the zygote. Raises OSError where its Python cannot be started."""
        start = _START.format("gvisor_launcher" if self._plan.gvisor else "zygote")
        # A command that names Python means the cell's own.
        path = f"{os.path.dirname(self._python)}:/usr/local/bin:/usr/bin:/bin"
        environment = {"PATH": path, "LANG": "C.UTF-8", "HOME": str(self._home), **PIP_SETTINGS}
        environment |= dict.fromkeys(ONE_THREAD, "1")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [self._python, "-I", "-B", "-c", start, str(CODE_DIRECTORY), str(theirs.fileno()),
                     self.language.name],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=sys.stderr.fileno(),
                    env={**environment, **self.language.environment},
                    cwd="/",
                    start_new_session=True,
                )  # fmt: skip
            except OSError:
                ours.close()
                raise
        self.orders = ours
        self.orders.sendall(self._plan.to_bytes())
        self.orders.setblocking(False)
        self.alive, self._started_at = True, time.monotonic()

    def refill(self, wanted: int = 0) -> None:
        """Have workers forked until there are enough: those to be kept ready, and ``wanted`` more."""
        now = time.monotonic()
        if not self.warm or now < self._refill_at or (now < self._pause_until and not wanted and self._has_enough):
            return
        under_way = len(self.starting) + len(self._expected)
        missing = min(self._ready_target + wanted - len(self.ready) - under_way, STARTING_MAX - under_way)
        if self.language.kernelspec:
            # Each starts a program of its own: one after another they leave the processors to those who wait.
            missing = min(missing, max(wanted, 1) - under_way)
        for _ in range(missing):
            # A second pair for the interrupts of a guest.
            pairs = [socket.socketpair() for _ in range(2 if self._plan.gvisor else 1)]
            try:
                socket.send_fds(self.orders, [FORK], [theirs.fileno() for _ours, theirs in pairs])
            except OSError:
                return  # it has died, which the next round hears, or takes no more orders for now
            finally:
                for _ours, theirs in pairs:
                    theirs.close()
            self._expected.append([ours for ours, _theirs in pairs])

    def hear(self) -> WorkerProcess | None:
        """Take one message of the zygote: that it is warm, or a new worker, which is returned. Raises EOFError."""
        data, descriptors, _flags, _address = socket.recv_fds(self.orders, WARM_BYTES_MAX, 1, socket.MSG_CMSG_CLOEXEC)
        if data.startswith(WARM):
            self.version, self.packages = json.loads(data[len(WARM) :])
            self.warm = True
            if not self.language.kernelspec:
                self._note_success()
            return None
        if not data.startswith(FORKED) or len(descriptors) != 1:
            raise EOFError(f"the zygote of {self.language.name} is gone")
        pid, pidfd = int(data[len(FORKED) :]), descriptors[0]
        ours, *more = self._expected.popleft()
        group = self._limiter.open(f"{self.language.name}-{pid}", self._limits)
        group.add(pid)
        ours.send(b"g")  # from here on it is limited, and may lock itself down
        worker = WorkerProcess(SupervisorEnd(ours, WORKER_FRAME_BYTES_MAX), pid, pidfd, group, *more)
        self.starting[pid] = worker
        return worker

    def welcome(self, worker: WorkerProcess) -> None:
        """Count a worker that has said Ready among the ready ones. Raises LookupError when it was not starting."""
        del self.starting[worker.pid]
        worker.open_work_directory()
        self.ready.append(worker)
        self._note_success()

    def _note_success(self) -> None:
        self.can_run, self._failures, self._early_deaths = True, 0, 0

    def forget(self, worker: WorkerProcess) -> None:
        """Drop a worker that died before a session had it; after an early death the next forks wait a little."""
        if self.starting.pop(worker.pid, None):
            self._refill_at = time.monotonic() + EARLY_DEATH_PAUSE_S
            self._early_deaths += 1
        if worker in self.ready:
            self.ready.remove(worker)

    @property
    def _has_enough(self) -> bool:
        return len(self.ready) > self._ready_target // 2

    @property
    def lacks(self) -> bool:
        """Whether workers are to be forked, now or after a pause."""
        return self.warm and len(self.ready) < self._ready_target

    def take(self) -> WorkerProcess | None:
        """Hand a ready worker over to the caller, the oldest first; return None when there is none."""
        if not self.ready:
            return None
        now = time.monotonic()
        if now >= self._pause_until:  # under load that pause ends, too
            self._pause_until = now + REFILL_PAUSE_S
        return self.ready.popleft()

    def bury_zygote(self) -> None:
        """Clean up after a zygote that has died, or must; its workers die with it. The next one starts after a pause.

        The pause grows with each failure.
        """
        self.stop()
        self.warm = self.alive = self.can_run = False
        self._early_deaths = 0
        self._failures += 1
        self._start_at = time.monotonic() + RESTART_PAUSE_S * self._failures

    def is_overdue(self, now: float) -> bool:
        """Return whether the zygote has been loading its language for so long that it never will."""
        return self.alive and not self.warm and now - self._started_at > LOADING_S_MAX

    @property
    def is_broken(self) -> bool:
        """Whether its workers die before they are ready, one after another."""
        return self.warm and self._early_deaths >= EARLY_DEATHS_MAX

    def start_when_due(self, now: float) -> bool:
        """Start a zygote where there is none; return whether it did."""
        if self.alive or now < self._start_at:
            return False
        try:
            self._start()
        except OSError as error:
            # Somebody has taken the environment away, or builds it anew.
            log.error("the zygote of %s cannot be started: %s", self.language.name, error)
            self._failures += 1
            self._start_at = now + RESTART_PAUSE_S * self._failures
        return self.alive

    def stop(self) -> None:
        """Kill the zygote, and those of its workers that no session has."""
        if not self.alive:
            return
        for worker in [*self.ready, *self.starting.values()]:
            worker.kill()
        # No session may get one of them before its death is heard of.
        self.ready.clear()
        self.starting.clear()
        for ours in itertools.chain.from_iterable(self._expected):
            ours.close()
        self._expected.clear()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.orders.close()
