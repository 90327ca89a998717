"""Brings a kernel of somebody else's up, with its channels, and asks it what has to be known before a cell runs."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import zmq

from untrusted.kernel.foreign.channels import Channel, Channels, KernelMessageError
from untrusted.kernel.foreign.fork import KernelFork
from untrusted.kernel.foreign.process import KernelProcess, start_program
from untrusted.languages import RunKernel
from untrusted.languages.kernelspecs import Kernelspec

START_S = 60.0
LOOK_S = 0.1  # between two looks whether the kernel has ended
ASK_AGAIN_S = 0.25  # a kernel's first words are lost to who has not subscribed in time
STDIN_S = 5.0
WARM_CELL_S = 60.0
LAST_WORDS_CHARS_MAX = 2000
_SPEAKING: tuple[Channel, ...] = ("shell", "iopub", "stdin")


class StartError(Exception):
    """A kernel does not start, or does not answer; the message is one sentence for the operator."""


class KernelProgram:
    """A kernel's process and the channels to it. ``run``: runs the kernel in a fork, where it is loaded already."""

    def __init__(self, spec: Kernelspec, directory: Path, run: RunKernel | None = None) -> None:
        self._spec = spec
        self.channels = Channels(directory)
        file, variables = str(self.channels.file), spec.variables(os.environ)
        try:
            process = KernelFork(partial(run, file), variables) if run else start_program(spec.command(file), variables)
        except OSError as error:
            raise StartError(f"{spec.argv[0]} cannot be started: {error.strerror}") from error
        self.process = KernelProcess(process)
        # Now, for with them come threads, which are not forked.
        self.channels.connect()

    def poller(self) -> zmq.Poller:
        """Return a poller for all that the kernel says."""
        poller = zmq.Poller()
        for name in _SPEAKING:
            poller.register(self.channels[name], zmq.POLLIN)
        for descriptor in self.process.pipes:
            poller.register(descriptor, zmq.POLLIN)
        return poller

    def wait_until_ready(self) -> dict[str, Any]:
        """Return the kernel's ``kernel_info_reply`` when it answers, is heard and can ask. Raises StartError."""
        until, info, asked = time.monotonic() + START_S, None, set[str]()
        is_heard = False
        while info is None or not is_heard:
            if time.monotonic() > until and info is None:
                raise StartError(f"{self._spec.argv[0]} does not answer within {START_S:.0f} s")
            if time.monotonic() > until:
                raise StartError(f"{self._spec.argv[0]} says nothing on its channel iopub")
            # A kernel that is still loading answers each of them, so the first one has time.
            if not asked or info is not None:
                asked.add(self.channels.send("shell", "kernel_info_request", {}))
            found = self._hear(asked, min(until, time.monotonic() + (ASK_AGAIN_S if info is not None else START_S)))
            info = info if found is None else found
            is_heard = is_heard or self._is_heard
        if self.channels.meets_stdin(STDIN_S):  # a kernel that never asks may do without it
            # We know the kernel there, and it knows us when its sockets have dealt with one more request.
            self.wait_for_reply(self.channels.send("shell", "kernel_info_request", {}), STDIN_S)
        return info

    def wait_for_reply(self, request: str, at_most_s: float) -> dict[str, Any] | None:
        """Return the reply to a request, None when none has come in time. Raises StartError when the kernel died."""
        return self._hear({request}, time.monotonic() + at_most_s)

    def run_unheard(self, code: str) -> None:
        """Run a cell, and forget what it says. Raises StartError."""
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {},
                   "allow_stdin": False, "stop_on_error": True}  # fmt: skip
        request = self.channels.send("shell", "execute_request", content)
        if self._hear({request}, time.monotonic() + WARM_CELL_S, to_idle=True) is None:
            raise StartError(f"{self._spec.argv[0]} does not come to the end of a warm-up cell: {code[:100]}")

    def interrupt(self) -> None:
        """Interrupt what runs, as the kernel wants it."""
        if self._spec.is_told_of_interrupts:
            self.channels.send("control", "interrupt_request", {})
        else:
            self.process.interrupt()

    def _hear(self, requests: set[str], until: float, to_idle: bool = False) -> dict[str, Any] | None:
        """Wait for the reply to one of the requests, with all that is said of it where ``to_idle``.

        Everything else is forgotten. Raises StartError.
        """
        poller, self._is_heard = self.poller(), False
        reply, is_idle, printed = None, not to_idle, ""
        while (left_s := until - time.monotonic()) > 0:
            poller.poll(int(1000 * min(left_s, LOOK_S)))
            has_ended = self.process.has_ended
            printed = (printed + "".join(text for _name, text in self.process.read()))[-LAST_WORDS_CHARS_MAX:]
            if has_ended:
                words = printed.strip() or "it said nothing"
                raise StartError(f"{self._spec.argv[0]} ended before it answered: {words}")
            try:
                while (message := self.channels.take("iopub")) is not None:
                    self._is_heard = True
                    if message.parent in requests and message.content.get("execution_state") == "idle":
                        is_idle = True
                while (message := self.channels.take("shell")) is not None:
                    if message.parent in requests:
                        reply = message.content
            except KernelMessageError:
                continue
            if reply is not None and is_idle:
                break
        return reply
