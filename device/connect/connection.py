"""Carries frames to and from one running supervisor, in order, and asks it for signs of life."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import zmq

from device.connect.process import Process
from device.connect.start_config import Keys
from device.errors import ConnectError, FrameTooLongError, SupervisorProtocolError
from settings import Settings
from wire import (
    FRAME_BYTES_MAX,
    SHORT_FRAME_BYTES,
    Frame,
    Ping,
    Pong,
    Up,
    WireError,
    begin_of_output,
    decode_up,
    encode,
    may_be_long,
)

# Frames that ZeroMQ holds for us each way. A hostile supervisor fills them with the longest ones: times 8 MiB.
QUEUED_FRAMES_MAX = 8
BUFFER_BYTES = 256 << 10  # and the kernel each way: whoever speaks next waits behind it
# The pace of uploads: the frames of others, which overtake them, find the way free.
UPLOADS_BYTES_S = 32 << 20
# Of one account in one round of the loop, so that the others have their turn.
ROUND_FRAMES_MAX = 200
ROUND_BYTES_MAX = 8 << 20
ROUND_S = 0.01
# The longest Output that is decoded in the loop: 0.1 ms when it is all tiny messages.
INLINE_BYTES_MAX = 8 << 10
HUNG_UP_MS = 200  # until ZeroMQ has seen it, when this process stood still
READY_MAX = 10_000  # workers that wait; more than any account has processes for


@dataclass(frozen=True)
class LongOutput:
    """An Output that is not decoded yet, because that may take long."""

    session: str
    computation: str
    untrusted_bytes: bytes = field(repr=False)


class Connection:
    """The device's end of the wall to one supervisor. Times are seconds of the monotonic clock.

    ``pool_ready``: workers of each language that waited for a session at the last sign of life.
    """

    def __init__(
        self, context: zmq.Context, process: Process, keys: Keys, port: int, settings: Settings, now: float
    ) -> None:
        self.process = process
        self._settings, self._port = settings, port
        self._frame_bytes_max = min(FRAME_BYTES_MAX, settings.wall_frame_bytes_max)
        self._unsent: deque[bytes] = deque()
        self._uploads: deque[bytes] = deque()  # and what must come behind them
        self._uploads_at = 0.0
        self._heard, self._pinged, self._tended = now, 0.0, now
        self._has_spoken = False
        self._ping = self._pong = 0
        self.pool_ready: dict[str, int] = {}
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.sndhwm = self.socket.rcvhwm = QUEUED_FRAMES_MAX
        self.socket.sndbuf = self.socket.rcvbuf = BUFFER_BYTES
        self.socket.maxmsgsize = self._frame_bytes_max
        # Frames that a broken connection swallowed are gone: it is not taken up again, silence ends it.
        self.socket.reconnect_ivl = -1
        self.socket.curve_publickey, self.socket.curve_secretkey = keys.device_public, keys.device_secret
        self.socket.curve_serverkey = keys.supervisor_public
        self._monitor = self.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._is_broken = False
        self.socket.connect(f"tcp://{process.reachable_address(port)}")

    @property
    def blocked(self) -> bool:
        """Whether frames wait that the supervisor has not taken yet."""
        return bool(self._unsent)

    @property
    def pings(self) -> int:
        """How many Pings were sent."""
        return self._ping

    @property
    def due(self) -> float:
        """When the next piece of an upload goes."""
        return self._uploads_at if self._uploads else math.inf

    def send(self, frame: Frame) -> None:
        """Send a frame, or keep it in order until ``flush`` can. Raises FrameTooLongError."""
        self._unsent.append(self._encoded(frame))
        self.flush()

    def send_behind_uploads(self, frame: Frame) -> None:
        """Keep a piece of an upload, or what belongs behind it, until its time has come. Raises FrameTooLongError."""
        self._uploads.append(self._encoded(frame))

    def _encoded(self, frame: Frame) -> bytes:
        data = encode(frame)
        if len(data) > self._frame_bytes_max:
            raise FrameTooLongError(f"a frame of {len(data)} bytes; at most {self._frame_bytes_max} pass the wall")
        return data

    def flush(self) -> None:
        """Send what waits, as far as the supervisor takes it, and one frame of the uploads when it is time."""
        try:
            while self._unsent:
                self.socket.send(self._unsent[0], zmq.DONTWAIT)
                self._unsent.popleft()
            now = time.monotonic()
            if self._uploads and now >= self._uploads_at:
                self._uploads_at = now + len(self._uploads[0]) / UPLOADS_BYTES_S
                self.socket.send(self._uploads[0], zmq.DONTWAIT)
                self._uploads.popleft()
        except zmq.Again:
            pass  # a supervisor that takes nothing for too long is silent too

    def receive(self, now: float) -> Iterator[Up | LongOutput]:
        """Yield frames that have come, but for signs of life. Raises SupervisorProtocolError."""
        size_bytes = 0
        for _ in range(ROUND_FRAMES_MAX):
            try:
                untrusted_bytes = self.socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                return
            self._heard, self._has_spoken = now, True
            frame = self._read(untrusted_bytes)
            if isinstance(frame, Pong):
                self._take_pong(frame)
            else:
                yield frame
            size_bytes += len(untrusted_bytes)
            if size_bytes > ROUND_BYTES_MAX or time.monotonic() - now > ROUND_S:
                return

    def _read(self, untrusted_bytes: bytes) -> Up | LongOutput:
        if len(untrusted_bytes) > INLINE_BYTES_MAX:
            begin = begin_of_output(untrusted_bytes)
            if begin is not None:
                return LongOutput(*begin, untrusted_bytes)
            if len(untrusted_bytes) > SHORT_FRAME_BYTES and not may_be_long(untrusted_bytes):
                size = len(untrusted_bytes)
                raise SupervisorProtocolError(f"a frame of {size} bytes that does not say first what it is")
        try:
            return decode_up(untrusted_bytes, self._frame_bytes_max)
        except WireError as error:
            raise SupervisorProtocolError(str(error)) from error

    def _take_pong(self, pong: Pong) -> None:
        if not self._pong < pong.number <= self._ping:
            raise SupervisorProtocolError("a Pong without a Ping")
        if not all(name in self._settings.languages and 0 <= count <= READY_MAX for name, count in pong.ready.items()):
            raise SupervisorProtocolError("a Pong with an impossible pool")
        self._pong, self.pool_ready = pong.number, pong.ready

    def wait(self, now: float) -> None:
        """Note that the device reads nothing for the moment: the silence is not the supervisor's."""
        self._heard = now

    def keep_alive(self, now: float) -> None:
        """Ask for a sign of life when it is time. Raises ConnectError when the supervisor has ended or is silent.

        Whatever holds up the device itself counts for no more than a heartbeat of the supervisor's silence.
        """
        held_up_s, self._tended = now - self._tended, now
        self._heard = min(now, self._heard + max(0.0, held_up_s - self._settings.heartbeat_s))
        if held_up_s > self._settings.heartbeat_timeout_s and self._monitor.poll(HUNG_UP_MS):
            raise ConnectError(f"its supervisor hung up, for this device stood still for {held_up_s:.0f} s")
        self.flush()
        if not self.process.alive:
            raise ConnectError("its supervisor has ended")
        if now - self._pinged >= self._settings.heartbeat_s:
            if self._is_broken:
                raise ConnectError("its supervisor hung up")
            self._is_broken = bool(self._monitor.poll(0))  # at the next heartbeat: perhaps it has ended, and says why
            self._pinged, self._ping = now, self._ping + 1
            self.send(Ping(self._ping))
        if now - self._heard > self._settings.heartbeat_timeout_s:
            if self._has_spoken:
                raise ConnectError(f"its supervisor was silent for {self._settings.heartbeat_timeout_s:g} s")
            raise ConnectError(f"its supervisor runs, but port {self._port} does not answer; is a firewall in between?")

    def close(self) -> None:
        """Hang up."""
        self.socket.disable_monitor()
        self.socket.close()
