"""Runs programs: output comes through the descriptors, what they read is asked for, and an interrupt ends them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from untrusted.languages.programs.errors import stopped
from untrusted.languages.programs.questions import Questions

LOOK_MS_FIRST, LOOK_MS_MAX = 10, 100  # between two looks whether a program waits for a line
INTERRUPTED_S = 0.5  # for a program that wants to clean up


class Program:
    """A program of a cell, in a session and process group of its own. ``descriptors``: ours that it gets."""

    def __init__(
        self,
        command: Sequence[str],
        descriptors: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        read_end, self._write_end = os.pipe()
        try:
            self.process = subprocess.Popen(
                command, stdin=read_end, start_new_session=True, pass_fds=descriptors, env=environment
            )
        except OSError:
            os.close(self._write_end)
            raise
        finally:
            os.close(read_end)
        self._questions = Questions(self.process.pid, self._write_end)
        self._ended = os.pidfd_open(self.process.pid)

    def wait(self, event: int | None = None) -> bool:
        """Wait for its end, or until ``event`` is readable; return whether that is so. Raises KeyboardInterrupt."""
        poll, look_ms = select.poll(), LOOK_MS_FIRST
        for descriptor in (self._ended, *(() if event is None else (event,))):
            poll.register(descriptor, select.POLLIN)
        try:
            while not (found := poll.poll(look_ms)):
                look_ms = LOOK_MS_FIRST if self._questions.ask() else min(2 * look_ms, LOOK_MS_MAX)
        except KeyboardInterrupt:
            self.end(signal.SIGINT)
            raise
        return any(descriptor == event and flags & select.POLLIN for descriptor, flags in found)

    def end(self, *first: signal.Signals) -> int:
        """Kill it with what it has started, after ``first`` and a while; return its exit code."""
        for number in (*first, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(INTERRUPTED_S)
                break
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        exit_code = self.process.wait()
        self._questions.close()
        if self._ended >= 0:
            os.close(self._ended)
            self._ended = -1
        return exit_code


def run(command: Sequence[str]) -> int:
    """Run a program to its end; return its exit code, negative for a signal. Raises KeyboardInterrupt."""
    program = Program(command)
    try:
        program.wait()
        return program.process.wait()
    except KeyboardInterrupt:
        raise stopped("the program was stopped") from None
    finally:
        program.end()
