"""Passes on to the reader what a kernel says of one computation, as the protocol of this server has it."""

from __future__ import annotations

from typing import Any

from untrusted.kernel.foreign import contents
from untrusted.kernel.foreign.channels import Received
from untrusted.kernel.foreign.contents import UnfitMessageError
from untrusted.kernel.foreign.streams import GatheredStreams
from untrusted.kernel.json_clean import Json, clean_object, valid_text
from untrusted.kernel.publisher import Emit


class Relay:
    """The messages of one kernel on their way to the reader.

    ``failure``: the error that was sent in this computation. ``streams``: texts that wait for their neighbours.
    """

    def __init__(self) -> None:
        self._emit: Emit = _discard
        self.streams = GatheredStreams(self._send_text)
        self.failure: dict[str, Json] | None = None
        self._count, self._code, self._is_introduced = 1, "", True

    def start(self, emit: Emit) -> None:
        """Send to ``emit`` from now on."""
        self._emit = emit

    def begin(self, code: str | None) -> None:
        """Say that a computation begins: a cell with its code, or the delivery of a comm message."""
        self.failure, self._code, self._is_introduced = None, code or "", code is None
        self._emit("status", {"execution_state": "busy"}, {}, [])

    def pass_on(self, message: Received, request: str) -> bool:
        """Send what a message says; return whether it says that the kernel has done what was asked."""
        kind, content = message.msg_type, message.content
        if kind == "status":
            return message.parent == request and content.get("execution_state") == "idle"
        if kind == "execute_input":
            if message.parent == request:
                self.introduce(content)
        elif kind == "stream":
            if isinstance(content.get("text"), str):
                self.streams.add("stderr" if content.get("name") == "stderr" else "stdout", content["text"])
        else:
            self._show(kind, content, message)
        return False

    def introduce(self, content: dict[str, Any]) -> None:
        """Send the cell's ``execute_input`` before everything else that is said of it."""
        if not self._is_introduced:
            self._is_introduced = True
            self._count = contents.count_of(content, self._count)
            self._emit("execute_input", {"code": valid_text(self._code), "execution_count": self._count}, {}, [])

    def complain(self, sentence: str) -> None:
        """Tell the reader on standard error."""
        self.streams.add("stderr", f"{sentence}\n")

    def ask(self) -> None:
        """Send all that must be seen before a question."""
        self.introduce({})
        self.streams.flush()

    def reply(self, answer: dict[str, Any], was_interrupted: bool) -> None:
        """Send the reply of a cell, and before it what only the reply says."""
        if any(payload.get("source") == "ask_exit" for payload in contents.payloads(answer)):
            self.complain("The session goes on: it ends by itself.")
        if answer.get("status") != "ok" and self.failure is None:
            # Some kernels say it in the reply alone, or nothing of an interrupt.
            self.failure = contents.STOPPED if was_interrupted else contents.error(answer)
            self._say("error", self.failure)
        self._count = contents.count_of(answer, self._count)
        self._say("execute_reply", contents.reply(answer, self._count, self.failure), more=True)
        self._count += 1

    def finish(self) -> None:
        """Say that the computation is over."""
        self.streams.flush()
        self._emit("status", {"execution_state": "idle"}, {}, [], more=True)  # that the turn is over follows at once

    def _show(self, kind: str, content: dict[str, Any], message: Received) -> None:
        try:
            fit = contents.fit(kind, content, self._count)
            buffers = contents.buffers_of(message.buffers) if kind.startswith("comm_") else []
        except UnfitMessageError as error:
            self.complain(str(error))
            return
        if fit is None:
            return
        made, complaints = fit
        for sentence in complaints:
            self.complain(sentence)
        if kind == "error":
            self.failure = made
        self._say(kind, made, clean_object(message.metadata) if buffers else {}, buffers)

    def _say(
        self, msg_type: str, content: dict[str, Json], metadata: dict[str, Json] | None = None,
        buffers: list[bytes] | None = None, *, more: bool = False,
    ) -> None:  # fmt: skip
        self.introduce({})
        self.streams.flush()
        self._emit(msg_type, content, metadata or {}, buffers or [], more=more)

    def _send_text(self, name: str, text: str) -> None:
        self.introduce({})
        self._emit("stream", {"name": name, "text": text}, {}, [])


def _discard(*_message: object, more: bool = False) -> None:
    """Forget what is said before anybody hears."""
