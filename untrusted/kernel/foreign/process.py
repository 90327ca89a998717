"""Starts a kernel of somebody else's as a process of the session, hears what it prints, and notices its end."""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from untrusted.kernel.foreign.fork import KernelFork, become_kernel

READ_BYTES = 64 << 10
READS_MAX = 16  # of one pipe at a time


class KernelProcess:
    """The process of a kernel, in a process group of its own, with pipes behind its standard output and error.

    What its child processes print comes there, and its own last words. ``pipes``: stream names by file descriptor.
    """

    def __init__(self, process: subprocess.Popen[bytes] | KernelFork) -> None:
        self._process = process
        assert self._process.stdout and self._process.stderr
        named = {self._process.stdout.fileno(): "stdout", self._process.stderr.fileno(): "stderr"}
        self.pipes = named
        self._decoders = {descriptor: codecs.getincrementaldecoder("utf-8")("replace") for descriptor in named}
        for descriptor in named:
            os.set_blocking(descriptor, False)

    @property
    def has_ended(self) -> bool:
        """Whether it is no more."""
        return self._process.poll() is not None

    def read(self) -> list[tuple[str, str]]:
        """Return what was printed since, as (stream name, text)."""
        texts = []
        for descriptor, name in self.pipes.items():
            decoder = self._decoders[descriptor]
            for _ in range(READS_MAX):
                try:
                    data = os.read(descriptor, READ_BYTES)
                except BlockingIOError:
                    break
                if text := decoder.decode(data, final=not data):
                    texts.append((name, text))
                if not data:
                    break
        return texts

    def interrupt(self) -> None:
        """Send SIGINT to it and to the programs that it waits for."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGINT)

    def end(self) -> None:
        """Kill it, with the programs of its group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def start_program(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Return the process of a kernel's program. Raises OSError."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
        # It never outlives the worker, in a session or not.
        preexec_fn=become_kernel,
    )
