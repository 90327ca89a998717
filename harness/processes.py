"""Start real processes, wait for them with a deadline and end them; show their logs when something goes wrong.

Whatever starts here ends with the program that started it, also when that is killed outright.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from host import descendants

TAIL_LINES = 40
LINE_CHARS = 400
LOOK_S = 0.02
GRACE_S = 30.0
LEFT_S = 10.0  # what ends because the one above it has ended may take a moment
DEADLINE_S = 30.0

Found = TypeVar("Found")


def wait_for(condition: Callable[[], Found], deadline_s: float = DEADLINE_S) -> Found:
    """Return what the condition gives as soon as it is true; fail after the deadline."""
    end = time.monotonic() + deadline_s
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {deadline_s} s"
        time.sleep(LOOK_S)
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """Return the CPU time that processes have used so far; those that have ended meanwhile used none."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def stands_still(pid: int) -> bool:
    """Return whether every thread of a process is stopped: SIGSTOP takes a moment."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)


@contextmanager
def all_end(pids: Iterable[int], deadline_s: float = DEADLINE_S) -> Iterator[None]:
    """Fail unless the processes that live when the block begins have ended so soon after it; end the others then."""
    living: dict[int, int] = {}
    try:
        for pid in pids:
            with suppress(ProcessLookupError):
                living[os.pidfd_open(pid)] = pid
        yield
        left, end = [], time.monotonic() + deadline_s
        for descriptor, pid in living.items():
            if not select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
                left.append(command_line(pid))
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        assert not left, f"not within {deadline_s} s: {left}"
    finally:
        for descriptor in living:
            os.close(descriptor)


def tied(argv: Sequence[str | Path]) -> list[str]:
    """Return a command that runs ``argv``, and gets SIGTERM when the thread that started it ends, however that ends.

    A program that changes its account later loses the tie.
    """
    return ["setpriv", "--pdeathsig", "TERM", "--", *map(str, argv)]


def untrusted_python() -> str:
    """Return the interpreter of the untrusted environment: ``make test`` says where it is."""
    return os.environ.get("UNTRUSTED_PYTHON") or str(Path(__file__).parents[1] / ".build/untrusted/bin/python")


class Process:
    """A running program in a session of its own. ``output`` and ``log`` are its standard output and error so far."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str] | None, cwd: Path | str | None) -> None:
        self.argv = list(argv)
        self._directory = tempfile.TemporaryDirectory(prefix="process-")
        self._output, self._log = (Path(self._directory.name, name) for name in ("output", "log"))
        with open(self._output, "wb") as output, open(self._log, "wb") as log:
            self._popen = subprocess.Popen(
                tied(self.argv), env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.pid = self._popen.pid

    @property
    def output(self) -> str:
        """Everything on standard output so far."""
        return self._output.read_text(errors="replace")

    @property
    def log(self) -> str:
        """Everything on standard error so far."""
        return self._log.read_text(errors="replace")

    @property
    def exit_code(self) -> int | None:
        """The exit code, once it has ended."""
        return self._popen.poll()

    def descendants(self) -> list[int]:
        """Return the ids of the processes below this one."""
        return descendants.find(self.pid)

    def signal(self, number: int) -> None:
        """Send a signal to the process itself."""
        self._popen.send_signal(number)

    def signal_group(self, number: int) -> None:
        """Send a signal to its group, as a terminal does at Ctrl-C."""
        os.killpg(self.pid, number)

    def wait_for(self, condition: Callable[[], object], what: str, deadline_s: float) -> None:
        """Return when the condition holds; fail at the deadline, or when the process has ended before."""
        deadline = time.monotonic() + deadline_s
        while not condition():
            if self.exit_code is not None and not condition():
                raise AssertionError(f"{self._name} ended with {self.exit_code} before {what}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{self._name}: {what} did not come within {deadline_s} s\n{self.tail()}")
            time.sleep(LOOK_S)

    def wait_for_line(self, pattern: str, deadline_s: float) -> str:
        """Return the first line of output or log that the pattern is found in."""
        expression = re.compile(f"^.*{pattern}.*$", re.MULTILINE)
        self.wait_for(lambda: expression.search(self._said()), f"a line with {pattern!r}", deadline_s)
        found = expression.search(self._said())
        assert found
        return found.group()

    def wait(self, deadline_s: float) -> int:
        """Return the exit code; fail when the process has not ended by the deadline."""
        try:
            return self._popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self._name} did not end within {deadline_s} s\n{self.tail()}") from None

    def stop(self, grace_s: float = GRACE_S) -> None:
        """End the process: politely, then by force. Fails when force was needed or when anything below it is left."""
        born = {pid: birth(pid) for pid in self.descendants()}
        forced = False
        if self.exit_code is None:
            self.signal(signal.SIGTERM)
            try:
                self._popen.wait(grace_s)
            except subprocess.TimeoutExpired:
                forced = True
                self._popen.kill()
                self._popen.wait()
        end = time.monotonic() + LEFT_S
        while (left := [pid for pid, was in born.items() if was and birth(pid) == was]) and time.monotonic() < end:
            time.sleep(LOOK_S)
        names = [command_line(pid) for pid in left]
        descendants.kill(left)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        tail = self.tail()
        self._directory.cleanup()
        assert not forced, f"{self._name} did not end within {grace_s} s of SIGTERM\n{tail}"
        assert not left, f"{self._name} left processes behind: {names}\n{tail}"

    def tail(self) -> str:
        """Return the last lines that it wrote."""
        return "\n".join(line[:LINE_CHARS] for line in self._said().splitlines()[-TAIL_LINES:])

    @property
    def _name(self) -> str:
        return " ".join(self.argv)[:100]

    def _said(self) -> str:
        return self.output + self.log


@contextmanager
def start(
    argv: Sequence[str],
    *,
    ready: str | Callable[[], object],
    deadline_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
) -> Iterator[Process]:
    """Run a program until the block ends; enter the block when it is ready.

    ``ready``: a pattern to be found in a line that it prints, or a condition. Fails with the tail of its log when it
    ends before that, or when the deadline passes; leaves nothing behind either way.
    """
    process = Process(argv, env, cwd)
    try:
        if isinstance(ready, str):
            process.wait_for_line(ready, deadline_s)
        else:
            process.wait_for(ready, "being ready", deadline_s)
        yield process
    finally:
        process.stop()


def birth(pid: int) -> bytes:
    """Return when a living process began, as the kernel counts; empty when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return b""
    return b"" if fields[0] == b"Z" else fields[19]


def command_line(pid: int) -> str:
    """Return the beginning of a process's command line, or its id when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120]
    except OSError:
        return str(pid)
