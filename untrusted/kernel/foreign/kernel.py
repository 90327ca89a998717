"""Runs cells in a kernel of somebody else's, with the methods that our own kernel has."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import zmq

from untrusted.kernel.foreign import contents, rehearsal
from untrusted.kernel.foreign.channels import Channel, KernelMessageError, Received
from untrusted.kernel.foreign.comms import ForeignComms
from untrusted.kernel.foreign.program import KernelProgram, StartError
from untrusted.kernel.foreign.relay import Relay
from untrusted.kernel.foreign.stops import Stops
from untrusted.kernel.json_clean import Json, clean, valid_text
from untrusted.kernel.publisher import Emit
from untrusted.kernel.stdin import PROMPT_CHARS_MAX, Ask
from untrusted.languages import Language, RunKernel
from untrusted.languages.kernelspecs import find

# A kernel says that it is idle after its reply. One that does not, or whose word was lost in a flood, is idle when it
# has been silent for so long.
SILENCE_S = 1.0
# What was printed before a question comes on another socket than the question.
BEFORE_QUESTION_S = 0.02
# An interrupt that reaches a kernel between two cells is lost, or its end: it waits until the kernel has said that it
# works on this one, and a moment longer; for a kernel that never says so, a while.
AT_WORK_S, NOT_SAID_S = 0.05, 1.0
INTROSPECTION_S = 4.0  # a supervisor waits for 5 s, and ends a worker that takes longer
PROBE_S = 4.8  # those of a check may take 4 s together
VALUES_BYTES_MAX = 256 << 10
MESSAGES_AT_ONCE = 500
EXIT_KERNEL_DIED = 1


class ForeignKernel:
    """A kernel of somebody else's: a program that a worker starts before it is ready, and then speaks for.

    ``version``: what the kernel says of its language, once ``warm`` has tried it. ``is_forked``: kernels that this
    process can load and fork are loaded and forked.
    """

    def __init__(self, language: Language, is_forked: bool = True) -> None:
        self._language, self._is_forked, self.version = language, is_forked, ""
        self._run: RunKernel | None = None
        self._relay, self.comms = Relay(), ForeignComms(self._introspect)
        self._allows_stdin = False

    def warm(self) -> None:
        """Load the kernel if it can be forked; start it once, in a child, so that it is known if it works at all.

        Raises StartError, KernelspecError.
        """
        if self._is_forked and self._language.load_kernel:
            self._run = self._language.load_kernel(find(self._language.kernelspec, sys.executable).argv)
            threads = os.listdir("/proc/self/task")
            if len(threads) > 1:
                raise StartError(f"the kernel of {self._language.name} cannot be forked: it has {len(threads)} threads")
        self.version = rehearsal.rehearse(self._language, self._run)

    def start(self, emit: Emit, ask: Ask) -> None:
        """Start the kernel of this session; return when it answers. Raises StartError, KernelspecError."""
        self._ask, self._stops = ask, Stops()
        directory = self._directory = Path(tempfile.mkdtemp(prefix=".kernel-", dir="/tmp"))
        self._program = KernelProgram(find(self._language.kernelspec, sys.executable), directory, self._run)
        self._program.wait_until_ready()
        for cell in self._language.warm_cells:
            self._program.run_unheard(cell)
        self._relay.start(emit)
        self._poller = self._program.poller()
        self._poller.register(self._stops.descriptor, zmq.POLLIN)
        signal.signal(signal.SIGCHLD, self._hear_end)

    def shielded(self) -> AbstractContextManager[None]:
        """Return a context in which no interrupt is raised."""
        return self._stops.shielded()

    def speak(self, dialect: str) -> None:
        """Take cells for cells in a dialect. Raises ValueError: a foreign kernel has none."""
        raise ValueError(f"{self._language.name} has no dialect {dialect}")

    def execute(
        self, code: str, stdin: bool, expressions: Mapping[str, str] | None = None, last: bool = False, scheme: str = ""
    ) -> None:
        """Run a cell and send all of its messages, from ``status busy`` to ``status idle``.

        Jupyter's protocol has no word for ``last`` and ``scheme``: the kernel is not told of them.
        """
        request = contents.execution(valid_text(code), stdin, expressions)
        self._begin(code, stdin)
        answer = self._converse(self._program.channels.send("shell", "execute_request", request), None)
        self._relay.reply(answer, self._stops.came)
        self._finish()

    def deliver(self, msg_type: str, content: dict, metadata: dict, buffers: list[bytes]) -> None:
        """Hand a comm message of the page to the kernel; send what that brings about."""
        self._begin(None, False)
        self._converse(self._program.channels.send("shell", msg_type, content, None, metadata, buffers), {})
        self._finish()

    def complete(self, code: str, cursor_pos: int) -> dict[str, Json]:
        """Return the content of a ``complete_reply``. ``cursor_pos`` counts code points."""
        cursor_pos = min(max(cursor_pos, 0), len(code))
        request = {"code": code, "cursor_pos": cursor_pos}
        return contents.completions(self._introspect("complete_request", request), cursor_pos)

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> dict[str, Json]:
        """Return the content of an ``inspect_reply``. ``cursor_pos`` counts code points."""
        cursor_pos = min(max(cursor_pos, 0), len(code))
        request = {"code": code, "cursor_pos": cursor_pos, "detail_level": detail_level}
        return contents.inspection(self._introspect("inspect_request", request))

    def probe(self, expressions: Sequence[str]) -> Json:
        """Return what a check asks of the namespace, as the kernel tells it. Raises ValueError, OSError, UnfitError."""
        if self._language.probe is None:
            raise ValueError(f"values of {self._language.name} cannot be checked on the server")
        file = self._directory / "values.json"
        file.unlink(missing_ok=True)
        code = self._language.probe(expressions, str(file))
        self._introspect("execute_request", contents.execution(code, is_silent=True), PROBE_S)
        with file.open("rb") as values:
            return clean(json.loads(values.read(VALUES_BYTES_MAX)))

    # --- one computation ----------------------------------------------------------------------------------------
    def _begin(self, code: str | None, stdin: bool) -> None:
        self._allows_stdin = stdin
        self._stops.begin()
        self._relay.begin(code)

    def _finish(self) -> None:
        self._stops.is_running = False
        self._relay.finish()

    def _converse(self, request: str, answer: dict[str, Any] | None) -> dict[str, Any]:
        """Pass on what the kernel says until it has done what was asked; return its reply.

        ``answer``: None while a reply is waited for.
        """
        wants_reply, is_idle, heard_at = answer is None, False, time.monotonic()
        at_work_at, is_begun = heard_at + NOT_SAID_S, False
        while answer is None or not is_idle:
            is_stopping = self._stops.came and not self._stops.is_told and (answer is None or not wants_reply)
            if is_stopping:
                self._wait(max(0.0, at_work_at - time.monotonic()))
            else:
                self._wait(SILENCE_S if wants_reply and answer is not None else None)
            for message in self._take("iopub"):
                heard_at = time.monotonic()
                if message.parent == request and not is_begun:
                    at_work_at, is_begun = heard_at + AT_WORK_S, True
                is_idle = self._relay.pass_on(message, request) or is_idle
            self._hear_printed()
            for message in self._take("stdin"):
                if message.msg_type == "input_request":
                    self._answer(message, request)
            for message in self._take("shell"):
                if message.parent == request:
                    answer, heard_at = message.content, time.monotonic()
            self._stops.empty()
            if is_stopping and not self._stops.is_told and time.monotonic() >= at_work_at:
                self._interrupt()
            if self._program.process.has_ended:
                self._die()
            if wants_reply and answer is not None and time.monotonic() - heard_at > SILENCE_S:
                break
        self._hear_printed()
        return answer

    def _wait(self, at_most_s: float | None) -> None:
        """Wait until something happens: the kernel speaks, an interrupt comes, or the kernel ends."""
        streams = self._relay.streams
        wait_s = min((value for value in (at_most_s, streams.wait_s) if value is not None), default=None)
        self._poller.poll(None if wait_s is None else math.ceil(wait_s * 1000))
        if streams.wait_s == 0.0:
            streams.flush()

    def _take(self, channel: Channel) -> list[Received]:
        messages: list[Received] = []
        while len(messages) < MESSAGES_AT_ONCE:
            try:
                message = self._program.channels.take(channel)
            except KernelMessageError as error:
                self._relay.complain(f"{error}, and was left out.")
                continue
            if message is None:
                break
            messages.append(message)
        return messages

    def _hear_printed(self) -> None:
        for name, text in self._program.process.read():
            self._relay.streams.add(name, text)

    # --- questions, interrupts and the end ----------------------------------------------------------------------
    def _answer(self, message: Received, request: str) -> None:
        """Ask the reader what the kernel asks, and hand the reply to it."""
        iopub, until = self._program.channels["iopub"], time.monotonic() + BEFORE_QUESTION_S
        while (left_s := until - time.monotonic()) > 0 and iopub.poll(math.ceil(left_s * 1000)):
            for said in self._take("iopub"):
                self._relay.pass_on(said, request)
        self._relay.ask()
        value = ""
        if self._allows_stdin:
            prompt, password = message.content.get("prompt"), bool(message.content.get("password"))
            shown = valid_text(prompt[:PROMPT_CHARS_MAX]) if isinstance(prompt, str) else ""
            try:
                with self._stops.asking():
                    value = self._ask(shown, password)
            except KeyboardInterrupt:
                self._interrupt()
                return
        self._program.channels.send("stdin", "input_reply", {"value": value, "status": "ok"}, message.header)

    def _interrupt(self) -> None:
        self._stops.is_told = True
        self._program.interrupt()

    def _hear_end(self, _signal: int, _frame: FrameType | None) -> None:
        # While a cell runs its last words are heard first; else nobody waits for any.
        if not self._stops.is_running and self._program.process.has_ended:
            os._exit(EXIT_KERNEL_DIED)

    def _die(self) -> NoReturn:
        """Say the kernel's last words, and end with it: the supervisor sees that."""
        for message in self._take("iopub"):
            self._relay.pass_on(message, "")
        self._hear_printed()
        self._relay.ask()
        os._exit(EXIT_KERNEL_DIED)

    def _introspect(self, msg_type: str, content: dict[str, Any], at_most_s: float = INTROSPECTION_S) -> dict[str, Any]:
        """Return the kernel's answer, nothing when it has none in time."""
        request = self._program.channels.send("shell", msg_type, content)
        try:
            return self._program.wait_for_reply(request, at_most_s) or {}
        except StartError:
            os._exit(EXIT_KERNEL_DIED)
