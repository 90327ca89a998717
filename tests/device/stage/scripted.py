"""Supervisors whose part is written by a test: real CURVE sockets that speak the wire, and no code is run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import zmq

import wire
from settings import Settings

USAGE = wire.Usage(0.1, 0.05, 1000)


def message(msg_type: str, content: Any, *fields: Any, **named_fields: Any) -> wire.Message:
    """Return a message as a kernel sends it; a content that is bytes is sent as it is."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return wire.Message(msg_type, data, *fields, **named_fields)


BUSY = message("status", {"execution_state": "busy"})
IDLE = message("status", {"execution_state": "idle"})
INPUT = message("execute_input", {"code": "1+1", "execution_count": 1})
RESULT = message("execute_result", {"execution_count": 1, "data": {"text/plain": "2"}, "metadata": {}})
REPLY = message("execute_reply", {"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": []})
ASKS = message("input_request", {"prompt": "? ", "password": False})
WHOLE = [BUSY, INPUT, RESULT, REPLY, IDLE]


def printed(text: str, name: str = "stdout") -> wire.Message:
    """Return a message of a stream."""
    return message("stream", {"name": name, "text": text})


class Scripted:
    """A supervisor: the process that the device starts, and the socket behind it.

    ``on_run`` is called for each Run; by default the cell ends well. ``heard`` are the device's frames, Pings left out.
    ``inherits``: whether it is one that an earlier device left with all the sessions that this device asks for.
    """

    address = "127.0.0.1"

    def __init__(self, account: str, on_run: Callable[[Scripted, wire.Execute], None]) -> None:
        self.account, self.on_run = account, on_run
        self.answer: dict[str, Any] | None = None
        self.heard: list[wire.Down] = []
        self.mute = self.ended = self.inherits = self.told_to_end = False
        self.hello = wire.Hello(wire.PROTOCOL, "watchdog", [], [wire.LanguageReport("python", "3", "ready")])
        self._written: list[bytes] = []
        self._device: bytes | None = None
        self._opened = self._open = self._granted = 0

    # --- the process --------------------------------------------------------------------------------------------
    def reachable_address(self, port: int) -> str:
        return f"127.0.0.1:{port}"

    def write(self, data: bytes) -> None:
        self._written.append(data)

    def read_line(self) -> bytes:
        self.start_config = json.loads(self._written[-1])
        if self.answer is not None:
            return json.dumps(self.answer).encode() + b"\n"
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.router_mandatory = True
        self.socket.curve_server = True
        self.socket.curve_publickey = self.start_config["supervisor_public_key"].encode()
        self.socket.curve_secretkey = self.start_config["supervisor_secret_key"].encode()
        try:
            self.socket.bind(f"tcp://127.0.0.1:{self.start_config['port']}")
        except zmq.ZMQError:
            self.socket.close()
            self._context.term()
            return b'{"error": "port is in use"}\n'
        self.started = True
        answer = {"listening": self.start_config["port"]}
        if self.inherits and self.start_config["inherits"]:
            answer["inherited"] = 0
            self._opened = self._open = len(self.start_config["inherits"][0]["sessions"])
        return json.dumps(answer).encode() + b"\n"

    started = False

    @property
    def alive(self) -> bool:
        return not self.ended

    def end(self) -> None:
        self.ended = self.told_to_end = True

    def leave(self) -> None:
        self.ended = True

    def close(self) -> None:
        """Close the socket, from the thread that uses it."""
        if self.started:
            self.started = False
            self.socket.close()
            self._context.term()

    # --- the part -----------------------------------------------------------------------------------------------
    def step(self) -> None:
        """Hear what has come and answer it."""
        while self.started and self.socket.poll(0):
            self._device, data = self.socket.recv_multipart()
            self._hear(wire.decode_down(data))

    def _hear(self, frame: wire.Down) -> None:
        if not isinstance(frame, wire.Ping):
            self.heard.append(frame)
        if self.mute:
            return
        if self._granted == 0:
            self._granted = self.start_config["workers"]
            self.say(self.hello, wire.Credit(self._granted))
        match frame:
            case wire.Ping():
                self.say(wire.Pong(frame.number, {}))
            case wire.Open():
                self._opened += 1
                self._open += 1
            case wire.Execute():
                self.on_run(self, frame)
            case wire.Close():
                self.closed(frame.session, "cancelled")

    def say(self, *frames: wire.Frame) -> None:
        """Send frames up."""
        for frame in frames:
            self.say_bytes(wire.encode(frame))

    def say_bytes(self, data: bytes) -> None:
        """Send bytes up, frame or not."""
        self.socket.send_multipart([self._device or b"", data])

    def output(self, run: wire.Execute, *messages: wire.Message) -> None:
        """Let a cell say something."""
        self.say(wire.Output(run.session, run.computation, list(messages)))

    def done(self, run: wire.Execute) -> None:
        """End a cell well."""
        self.say(wire.Finished(run.session, run.computation, "done", None, USAGE))
        if run.last:
            self.closed(run.session)

    def failed(self, run: wire.Execute, reason: wire.Reason) -> None:
        """End a cell and its session badly."""
        self.say(wire.Finished(run.session, run.computation, "failed", reason, USAGE))
        self.closed(run.session, reason)

    def closed(self, session: str, reason: wire.Reason = "session_gone") -> None:
        """End a session, and grant the next."""
        self._open -= 1
        self._granted = self._opened + self.start_config["workers"] - self._open
        self.say(wire.Closed(session, reason), wire.Credit(self._granted))

    def frames(self, kind: type) -> list:
        """Return the frames of one kind that were heard."""
        return [frame for frame in self.heard if isinstance(frame, kind)]


def run_well(supervisor: Scripted, run: wire.Execute) -> None:
    """Play a cell that ends well."""
    supervisor.output(run, *WHOLE)
    supervisor.done(run)


class Site:
    """Starts supervisors for a device; ``on_run`` and ``prepare`` are for those to come."""

    def __init__(self) -> None:
        self.started: list[Scripted] = []
        self.on_run: Callable[[Scripted, wire.Execute], None] = run_well
        self.prepare: Callable[[Scripted], None] = lambda supervisor: None

    def start(self, account: str, python: str, settings: Settings) -> Scripted:
        """Start one, as the device asks for it."""
        supervisor = Scripted(account, self.on_run)
        self.prepare(supervisor)
        self.started.append(supervisor)
        return supervisor

    @property
    def alive(self) -> Iterator[Scripted]:
        """The supervisors that were not ended."""
        return (supervisor for supervisor in list(self.started) if supervisor.alive)

    def newest(self, account: str = "") -> Scripted:
        """Return the supervisor that an account got last."""
        return [supervisor for supervisor in self.started if supervisor.account == account][-1]
