"""Runs the processes that check foreign bytes beside the device's loop, and kills those that take too long."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from device.checking.process import BEGUN, LENGTH_BYTES, RESULT_BYTES_MAX, Task
from device.checking.results import Packed, Room, unpack

CHECKERS = 2  # one that a session keeps busy for all its time is not the only one
LOOK_S = 0.05  # between two looks at how much time a checker has used
# Beside its CPU time, and four times that on a busy machine: a checker that uses no time hangs.
HANG_S = 10.0
START_PAUSE_S = 1.0
ROOT = Path(__file__).resolve().parents[2]
START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from device.checking.process import main; "
    "main(sys.argv[3:], int(sys.argv[2]))"
)
log = logging.getLogger(__name__)
TOO_LONG = Packed(verdict="output", sentence="output that takes too long to check")
DIED = Packed(verdict="output", sentence="output that the process which checks it did not outlive")


@dataclass(eq=False)
class Job:
    """Bytes to be checked for one session or one introspection request.

    ``spent_s``: CPU time that checks for the same run have taken, this one included, of the ``budget_s`` that they may
    take. When the job is over there are ``findings``, and ``taken`` is called.
    """

    kind: str
    untrusted_bytes: bytes
    room: Room
    budget_s: float
    spent_s: float
    taken: Callable[[Job, float], None]
    findings: Packed | None = field(default=None, repr=False)


class Checker:
    """A process that checks, and the job that it has. Raises OSError when it cannot be started.

    ``begun``: whether it has begun with its job. ``proven``: whether it has come to the end of a job.
    """

    def __init__(self) -> None:
        self.job: Job | None = None
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.setblocking(False)
        self._given, self._found = os.memfd_create("given"), os.memfd_create("found")
        descriptors = (theirs.fileno(), self._given, self._found)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", START, str(ROOT), str(os.getpid()), *map(str, descriptors)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={}, pass_fds=descriptors,
                start_new_session=True,
            )  # fmt: skip
        except BaseException:
            self._close()
            raise
        finally:
            theirs.close()
        # The clock of another process's CPU time (clock_getcpuclockid(3)).
        self._clock = (~self._process.pid << 3) | 2
        self._given_at = self._cpu_begun_s = 0.0
        self.begun = self.proven = False

    def give(self, job: Job, frame_bytes_max: int, now: float) -> None:
        """Give it a job. Raises OSError when it is gone."""
        self.job, self.begun, self._given_at, self._cpu_begun_s = job, False, now, self._cpu_s()
        data, position = memoryview(job.untrusted_bytes), 0
        while position < len(data):
            position += os.pwrite(self._given, data[position:], position)
        self.channel.send(msgspec.msgpack.encode(Task(job.kind, len(data), frame_bytes_max, job.room)))

    def look(self, now: float) -> Packed | None:
        """Return what came of its job, None while it works. Raises OSError or DecodeError when it is gone or broken."""
        job = self.job
        if job is None:
            return None
        try:
            answer = self.channel.recv(LENGTH_BYTES + 1)
            if answer == BEGUN:
                self.begun = True
                answer = self.channel.recv(LENGTH_BYTES + 1)
        except BlockingIOError:
            left_s = job.budget_s - job.spent_s
            used_s = self._cpu_s() - self._cpu_begun_s
            return TOO_LONG if used_s > left_s or now - self._given_at > HANG_S + 4 * max(0.0, left_s) else None
        length = int.from_bytes(answer, "big")
        if len(answer) != LENGTH_BYTES or length > RESULT_BYTES_MAX:
            raise OSError("it is gone")
        job.spent_s += self._cpu_s() - self._cpu_begun_s
        self.job, self.proven = None, True
        try:
            return unpack(os.pread(self._found, length, 0))
        finally:
            for file in (self._given, self._found):
                os.ftruncate(file, 0)

    def end(self) -> subprocess.Popen[bytes]:
        """Kill it; return the process to wait for."""
        self._process.kill()
        self._close()
        return self._process

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def _cpu_s(self) -> float:
        return time.clock_gettime(self._clock)

    def _close(self) -> None:
        self.channel.close()
        os.close(self._given)
        os.close(self._found)


class Checkers:
    """The pool of checkers, and the jobs that wait for one; the job whose run has used the least time is next."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._all: list[Checker] = []
        self._waiting: list[Job] = []
        self._ended: list[subprocess.Popen[bytes]] = []  # killed, and perhaps not gone yet
        self._start_at = 0.0
        self._fill(time.monotonic())

    @property
    def channels(self) -> Iterator[socket.socket]:
        """The sockets that become readable when a checker has something to say."""
        return (checker.channel for checker in self._all)

    @property
    def busy(self) -> list[int]:
        """The ids of the processes that are checking something."""
        return [checker.pid for checker in self._all if checker.job is not None and checker.begun]

    @property
    def pids(self) -> list[int]:
        """The ids of all processes."""
        return [checker.pid for checker in self._all]

    @property
    def due_s(self) -> float:
        """In how many seconds ``tend`` has something to look at even when no channel is readable."""
        return LOOK_S if self._waiting or any(checker.job is not None for checker in self._all) else float("inf")

    def put(self, job: Job, now: float) -> None:
        """Have a job done."""
        self._waiting.append(job)
        self._assign(now)

    def tend(self, now: float) -> None:
        """Take what has been found, kill who takes too long, replace who is gone, give out what waits."""
        self._ended = [process for process in self._ended if process.poll() is None]
        for checker in list(self._all):
            job = checker.job
            findings = _look(checker, now)
            if findings is TOO_LONG or findings is DIED:
                log.warning("a checker is replaced: %s", findings.sentence if job else "it has ended")
                self._replace(checker, now)
            if job is not None and findings is DIED and not checker.begun:
                self._waiting.append(job)  # nothing of it was looked at: that goes to the next
            elif job is not None and findings is not None:
                if findings is TOO_LONG:
                    job.spent_s = job.budget_s
                job.findings = findings
                job.taken(job, now)
        self._fill(now)
        self._assign(now)

    def close(self) -> None:
        """End them all."""
        for process in [*self._ended, *(checker.end() for checker in self._all)]:
            process.wait()
        self._all, self._ended = [], []

    def _replace(self, checker: Checker, now: float) -> None:
        self._all.remove(checker)
        self._ended.append(checker.end())
        if not checker.proven:
            self._start_at = now + START_PAUSE_S  # perhaps none can live

    def _fill(self, now: float) -> None:
        while len(self._all) < CHECKERS and now >= self._start_at:
            try:
                self._all.append(Checker())
            except OSError as error:
                self._start_at = now + START_PAUSE_S
                log.error("no process can be started to check what cells say: %s", error)

    def _assign(self, now: float) -> None:
        for checker in self._all:
            if checker.job is None and self._waiting:
                job = min(self._waiting, key=lambda job: job.spent_s)
                try:
                    checker.give(job, self._frame_bytes_max, now)
                    self._waiting.remove(job)
                except OSError:
                    checker.job = None  # it is gone


def _look(checker: Checker, now: float) -> Packed | None:
    """Return what a checker found, DIED when it has ended, with a job or without."""
    try:
        if checker.job is not None:
            return checker.look(now)
        checker.channel.recv(1)
    except BlockingIOError:
        return None
    except (OSError, msgspec.DecodeError):
        pass
    return DIED
