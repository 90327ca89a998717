"""Runs one command of a job within limits of its own, and takes what it prints.

The shell sets the limits: to fork this process, which is large, would cost more than most jobs.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

PIECE_BYTES = 64 << 10
COMPILE_CPU_S, COMPILE_MEMORY_BYTES, COMPILE_PROCESSES = 10, 500 << 20, 5
FILE_BLOCK_BYTES = 512  # of the shell's limit on files
ROUNDED_S = 0.5  # the kernel looks at a limit on processor seconds once in a while
TIME_SIGNALS = (-signal.SIGXCPU, -signal.SIGKILL)
PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class JobLimits:
    """The limits of a job: processor seconds, seconds, bytes of addresses, of one file and of each stream, processes.

    0: no more than the session has.
    """

    cpu_s: int
    wall_s: float
    memory_bytes: int
    file_bytes: int
    stream_bytes: int
    processes: int

    def for_a_compiler(self) -> JobLimits:
        """Return limits within which a compiler can work, as Jobe has them."""
        cpu_s = max(self.cpu_s, COMPILE_CPU_S)
        return replace(
            self, cpu_s=cpu_s, wall_s=max(self.wall_s, 2.0 * cpu_s),
            memory_bytes=self.memory_bytes and max(self.memory_bytes, COMPILE_MEMORY_BYTES),
            processes=self.processes and max(self.processes, COMPILE_PROCESSES),
        )  # fmt: skip

    def shell(self) -> str:
        """Return the commands of the shell that set them."""
        wanted = [f"-S -t {self.cpu_s}", f"-H -t {self.cpu_s + 1}"]
        if self.memory_bytes:
            wanted.append(f"-v {self.memory_bytes >> 10}")
        if self.file_bytes:
            wanted.append(f"-f {self.file_bytes // FILE_BLOCK_BYTES}")
        if self.processes:
            # Counted with what is there already, and one more for a shell.
            wanted.append(f"-p {self.processes + 1 + _tasks()}")
        # What the session has lower already stays as it is.
        return "".join(f"ulimit {limit} 2>/dev/null; " for limit in wanted)


@dataclass(frozen=True)
class Printed:
    """What a command prints, and how it ends; ``exit_code``: negative for a signal. ``is_late``: its time was up."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0
    is_late: bool = False


def run_limited(command: str, directory: Path, given: bytes, limits: JobLimits) -> Printed:
    """Run a command of the shell in a directory, with this standard input. Raises KeyboardInterrupt."""
    environment = {"PATH": PATH, "HOME": str(directory), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    one_thread = {name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")}
    used_s, until_s = _children_s(), time.monotonic() + limits.wall_s
    process = subprocess.Popen(
        ["sh", "-c", limits.shell() + command], cwd=directory, env={**one_thread, **environment},
        stdin=subprocess.PIPE if given else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        bufsize=0, start_new_session=True,
    )  # fmt: skip
    try:
        stdout, stderr = _Exchange(process, given, limits.stream_bytes).until(until_s)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    # A shell says by 128 and the number which signal has ended a command.
    exit_code = 128 - process.returncode if process.returncode > 128 else process.returncode
    is_spent = exit_code in TIME_SIGNALS and _children_s() - used_s >= limits.cpu_s - ROUNDED_S
    return Printed(stdout, stderr, exit_code, time.monotonic() >= until_s or is_spent)


class _Exchange:
    """What goes to and comes from a process, until it ends: children that it leaves may keep its pipes open."""

    def __init__(self, process: subprocess.Popen[bytes], given: bytes, stream_bytes: int) -> None:
        self._given, self._most = memoryview(given), stream_bytes
        self._ended = os.pidfd_open(process.pid)
        self._pipes = [pipe for pipe in (process.stdin, process.stdout, process.stderr) if pipe is not None]
        self._stdin = process.stdin.fileno() if process.stdin is not None else -1
        self._said = {pipe.fileno(): bytearray() for pipe in self._pipes if pipe is not process.stdin}
        self._open = selectors.DefaultSelector()
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)
            event = selectors.EVENT_WRITE if pipe is process.stdin else selectors.EVENT_READ
            self._open.register(pipe.fileno(), event)
        self._open.register(self._ended, selectors.EVENT_READ)

    def until(self, until_s: float) -> tuple[bytes, ...]:
        """Return what it prints on both streams until it ends, or until then."""
        has_ended = False
        while not has_ended and (left_s := until_s - time.monotonic()) > 0:
            for key, _ in self._open.select(left_s):
                if key.fd == self._ended:
                    has_ended = True
                elif key.fd == self._stdin:
                    self._give()
                else:
                    self._take(key.fd)
        for descriptor in self._said:
            while descriptor in self._open.get_map() and self._take(descriptor):
                pass
        self._open.close()
        os.close(self._ended)
        for pipe in self._pipes:
            pipe.close()
        return tuple(map(bytes, self._said.values()))

    def _give(self) -> None:
        with suppress(BlockingIOError):
            try:
                self._given = self._given[os.write(self._stdin, self._given[:PIECE_BYTES]) :]
            except BrokenPipeError:
                self._given = self._given[:0]
        if not self._given:
            self._open.unregister(self._stdin)
            self._pipes.pop(0).close()

    def _take(self, descriptor: int) -> bool:
        """Read a piece; return whether there may be more now. What is beyond the limit is read away."""
        try:
            piece = os.read(descriptor, PIECE_BYTES)
        except BlockingIOError:
            return False
        said = self._said[descriptor]
        said += piece[: self._most - len(said)]
        if not piece:
            self._open.unregister(descriptor)
        return bool(piece)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tasks() -> int:
    """Return how many processes and threads the session has now."""
    found = 0
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError):
                found += len(os.listdir(f"/proc/{name}/task"))
    return found
