"""One untrusted account: dialled, spoken to, and dialled again after a pause when it is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import zmq

from device import cargo, charter
from device.process import Child, Process, Remote, listening
from device.refusal import Nonsense
from device.trouble import PortTaken, Trouble
from wire import FRAME_BYTES_MAX, Credit, Frame, Hello, Ping, Pong, Up, WireError, decode_up, encode

PORT_TRIES = 5
FRAMES_A_ROUND = 200
QUEUED_FRAMES_MAX = 1000
log = logging.getLogger(__name__)


class Account:
    """The device's end of the wall to one account. ``name`` is "" for a child process of this very account."""

    def __init__(self, name: str, settings: Any, context: zmq.Context, workers: int, wake: Callable[[], None]) -> None:
        self.name, self._settings, self._context, self._workers, self._wake = name, settings, context, workers, wake
        self.state, self.sentence = "connecting", "it has not been dialled yet"
        self.hello: Hello | None = None
        self.socket: zmq.Socket | None = None
        self._process: Process | None = None
        self._dialled: tuple[Process, charter.Keys, int] | Trouble | None = None
        self._thread: threading.Thread | None = None
        self._redial_s, self._dial_at = settings.redial_s_first, 0.0
        self._heard = self._pinged = 0.0
        self._number = self._granted = self.opened = 0

    @property
    def free(self) -> int:
        """How many sessions it can take now."""
        return self._granted - self.opened if self.state == "ready" else 0

    @property
    def languages(self) -> list[str]:
        """The languages that it runs now."""
        return [language.name for language in self.hello.languages] if self.hello and self.state == "ready" else []

    def report(self) -> dict[str, Any]:
        """Return what /readyz shows of it."""
        hello = self.hello
        return {
            "account": self.name or "a child process",
            "state": self.state,
            "sentence": self.sentence,
            "layers": [msgspec.to_builtins(layer) for layer in hello.layers] if hello else [],
            "limiter": hello.limiter if hello else "",
            "languages": [msgspec.to_builtins(language) for language in hello.languages] if hello else [],
            "capacity": self._workers,
            "free": self.free,
        }

    # --- dialling -----------------------------------------------------------------------------------------------
    def keep_up(self, now: float) -> bool:
        """Dial, ping and notice silence; return whether the account was lost just now."""
        if self._dialled is not None:
            self._connect(now)
        if self.socket is None:
            if self._thread is None and now >= self._dial_at:
                self._thread = threading.Thread(target=self._dial, name=f"dial {self.name}", daemon=True)
                self._thread.start()
            return False
        if now - self._pinged >= self._settings.heartbeat_s:
            self._pinged, self._number = now, self._number + 1
            self.send(Ping(self._number))
        if self._process and not self._process.alive:
            self.lose("its supervisor has ended")
        elif now - self._heard > self._settings.heartbeat_timeout_s:
            self.lose(f"its supervisor has been silent for {now - self._heard:.0f} s")
        return self.socket is None

    def _dial(self) -> None:
        """Start a supervisor there; in a thread, since SSH and a self-test take their time."""
        outcome: tuple[Process, charter.Keys, int] | Trouble = Trouble("no port was free")
        for _ in range(PORT_TRIES):
            try:
                outcome = self._start()
                break
            except PortTaken as trouble:
                outcome = trouble
            except Trouble as trouble:
                outcome = trouble
                break
            except Exception as error:
                log.exception("dialling %s failed", self.name)
                outcome = Trouble(f"{self.name}: {error}")
                break
        self._dialled = outcome
        self._wake()

    def _start(self) -> tuple[Process, charter.Keys, int]:
        settings, keys, port = self._settings, charter.Keys.make(), charter.choose_port(self._settings)
        python = settings.untrusted_python
        process: Process = Remote(self.name, settings, python) if self.name else Child(python)
        try:
            process.write(cargo.pack())
            process.write(charter.line(settings, keys, process.address, port, self._workers, python))
            listening(process, port)
        except BaseException:
            process.end()
            raise
        return process, keys, port

    def _connect(self, now: float) -> None:
        outcome, self._dialled, self._thread = self._dialled, None, None
        if isinstance(outcome, Trouble) or outcome is None:
            self._down(str(outcome), now)
            return
        self._process, keys, port = outcome
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.sndhwm = self.socket.rcvhwm = QUEUED_FRAMES_MAX
        self.socket.maxmsgsize = FRAME_BYTES_MAX
        self.socket.curve_publickey, self.socket.curve_secretkey = keys.device_public, keys.device_secret
        self.socket.curve_serverkey = keys.supervisor_public
        self.socket.connect(f"tcp://{self._process.dial_address(port)}")
        self._heard, self._pinged = now, 0.0
        self._granted = self.opened = 0
        self.state, self.sentence = "starting", "its supervisor loads the languages"

    def lose(self, sentence: str) -> None:
        """Cut the connection; the account is dialled again after a pause."""
        self.close()
        self._down(f"{self.name or 'the child process'}: {sentence}", time.monotonic())

    def _down(self, sentence: str, now: float) -> None:
        if sentence != self.sentence:
            log.warning("%s", sentence)
        self.state, self.sentence, self.hello = "down", sentence, None
        self._dial_at = now + self._redial_s
        self._redial_s = min(2 * self._redial_s, self._settings.redial_s_max)

    def close(self) -> None:
        """End the supervisor and everything below it."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        if self._process is not None:
            process, self._process = self._process, None
            process.end()

    # --- frames -------------------------------------------------------------------------------------------------
    def send(self, frame: Frame) -> None:
        """Send a frame; an account that does not take it is lost by its silence."""
        if self.socket is not None:
            try:
                self.socket.send(encode(frame), zmq.DONTWAIT)
            except zmq.Again:
                self.lose("its supervisor does not read what is sent")

    def receive(self, now: float) -> list[Up]:
        """Return the frames that have come, but for signs of life, greeting and credit. Raises Nonsense."""
        frames: list[Up] = []
        for _ in range(FRAMES_A_ROUND):
            if self.socket is None:
                break
            try:
                untrusted_bytes = self.socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                break
            self._heard = now
            try:
                frame = decode_up(untrusted_bytes, self._settings.wall_frame_bytes_max)
            except WireError as error:
                raise Nonsense(str(error)) from error
            match frame:
                case Pong():
                    pass
                case Hello():
                    self._greet(frame)
                case Credit():
                    if not self._granted <= frame.granted <= self.opened + self._workers:
                        raise Nonsense(f"credit for {frame.granted} sessions")
                    self._granted = frame.granted
                case _:
                    frames.append(frame)
        return frames

    def _greet(self, hello: Hello) -> None:
        if self.hello is not None:
            raise Nonsense("a second greeting")
        self.hello, self.state, self.sentence = hello, "ready", ""
        self._redial_s = self._settings.redial_s_first
        names = ", ".join(f"{language.name} {language.version}" for language in hello.languages)
        log.info("%s: ready: %s; limits by %s", self.name or "child process", names, hello.limiter)
        for layer in hello.layers:
            if layer.state == "waived":
                log.warning("%s: runs without the layer %s, as waived_layers says", self.name, layer.name)
