"""Serves one session in a locked-down process: runs its turns, takes its uploads, completes and inspects code."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from untrusted.channel import (
    SAID_MESSAGES_MAX,
    FromWorker,
    Over,
    Ready,
    Said,
    Speak,
    SupervisorGoneError,
    WorkerEnd,
    Written,
    carried_bytes,
)
from untrusted.sandbox.plan import HOME
from untrusted.sandbox.reseed import reseed
from wire import FRAME_BYTES_MAX, Deliver, Execute, InputReply, Introspect, IntrospectReply, Message, Upload

if TYPE_CHECKING:
    from untrusted.worker.kernels import AnyKernel

# One message must fit into one frame, with room for what frames add.
MESSAGE_BYTES_MAX = FRAME_BYTES_MAX - (128 << 10)
TOGETHER_BYTES_MAX = 64 << 10  # what is longer goes by itself


class Worker:
    """A kernel that is joined to the channel of its supervisor."""

    def __init__(self, channel: WorkerEnd, kernel: AnyKernel) -> None:
        self._channel, self._kernel = channel, kernel
        self._uploading: dict[str, int | OSError] = {}
        self._not_written: list[str] = []
        self._lock = threading.RLock()
        self._kept: list[Message] = []  # until those that follow at once have come

    def emit(
        self, msg_type: str, content: dict, metadata: dict | None = None, buffers: list[bytes] | None = None, *,
        more: bool = False,
    ) -> None:  # fmt: skip
        """Send one message of the kernel; ``more``: with those that follow at once, or with the end of the turn."""
        message = Message(msg_type, _json(content), _json(metadata or {}), list(buffers or ()))
        size_bytes = carried_bytes(message)
        if size_bytes > MESSAGE_BYTES_MAX:
            text = f"An output of {size_bytes} bytes is not shown: one output may have {MESSAGE_BYTES_MAX}.\n"
            message = Message("stream", _json({"name": "stderr", "text": text}))
        messages = [message]
        if msg_type == "status" and self._not_written:
            messages.append(Message("stream", _json({"name": "stderr", "text": "".join(self._not_written)})))
            self._not_written.clear()
        with self._lock:
            together = (*self._kept, *messages)
            if len(together) > SAID_MESSAGES_MAX or sum(map(carried_bytes, together)) > TOGETHER_BYTES_MAX:
                self._send()
            self._kept += messages
            if not more:
                self._send()

    def _send(self, *frames: FromWorker) -> None:
        """Send what is kept, and frames behind it."""
        with self._lock:
            said, self._kept = self._kept, []
            self._channel.send(*([Said(said)] if said else []), *frames)

    def ask(self, prompt: str, password: bool) -> str:
        """Send an input request, and return the reply when it has come."""
        with self._channel.shielded():  # an interrupt ends the wait for the reply, and never tears a frame apart
            self.emit("input_request", {"prompt": prompt, "password": password})
        while True:
            frame = self._channel.receive()
            if isinstance(frame, InputReply):
                return frame.value

    def serve(self) -> None:
        """Do what the supervisor says until it hangs up."""
        while True:
            frame = self._channel.receive()
            if isinstance(frame, Execute):
                self._kernel.execute(frame.code, frame.stdin, frame.user_expressions, frame.last, frame.scheme)
                self._send(Over())
            elif isinstance(frame, Deliver):
                content, metadata = msgspec.json.decode(frame.content), msgspec.json.decode(frame.metadata)
                self._kernel.deliver(frame.msg_type, content, metadata, frame.buffers)
                self._send(Over())
            elif isinstance(frame, Upload):
                self._write(frame)
            elif isinstance(frame, Speak):
                self._kernel.speak(frame.dialect)
            elif isinstance(frame, Introspect):
                self._channel.send(self._introspect(frame))

    def _write(self, upload: Upload) -> None:
        # In here a name can do no harm: this is the sandbox, and the trusted side has checked it for the reader's sake.
        name = upload.name
        if name not in self._uploading:
            self._uploading[name] = _opened(name)
        target = self._uploading[name]
        if isinstance(target, int):
            try:
                data = memoryview(upload.data)
                while data:
                    data = data[os.write(target, data) :]
            except OSError as error:
                os.close(target)
                self._uploading[name] = target = error
        if upload.last:
            del self._uploading[name]
            if isinstance(target, int):
                os.close(target)
            else:
                self._not_written.append(f"The file {name!r} could not be put in its place: {target.strerror}.\n")
            self._channel.send(Written())

    def _introspect(self, frame: Introspect) -> IntrospectReply:
        try:
            if frame.kind == "complete":
                content = self._kernel.complete(frame.code, frame.cursor_pos)
            elif frame.kind == "probe":
                expressions = msgspec.json.decode(frame.code, type=list[str])
                content = {"status": "ok", "values": self._kernel.probe(expressions)}
            elif frame.kind == "comm_info":
                content = self._kernel.comms.info(frame.code)
            else:
                content = self._kernel.inspect(frame.code, frame.cursor_pos, frame.detail_level)
            return IntrospectReply(frame.request, "ok", _json(content))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the namespace is the reader's, and may raise anything
            return IntrospectReply(frame.request, "error", _json({"ename": type(error).__name__}))


def work_one_session(kernel: AnyKernel, sock: socket.socket) -> None:
    """Serve one session on the socket, in a process that is locked down already."""
    channel = WorkerEnd(sock)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    reseed()
    os.environ["HOME"] = HOME  # before, it was the zygote's
    worker = Worker(channel, kernel)
    kernel.start(worker.emit, worker.ask)
    channel.shielded = kernel.shielded
    channel.send(Ready())
    with suppress(SupervisorGoneError):
        worker.serve()


def _opened(name: str) -> int | OSError:
    try:
        return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        return error


def _json(value: dict) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
