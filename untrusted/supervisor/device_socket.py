"""Holds the supervisor's end of the connection to its device: a ZeroMQ ROUTER with CURVE that admits one key.

The device connects; the supervisor only binds the address and port that its start configuration names.
"""

from __future__ import annotations

from collections import deque

import zmq
from zmq.auth.thread import ThreadAuthenticator

from wire import FRAME_BYTES_MAX, Down, Frame, StartConfig, decode_down, encode

# What is on its way to the device: whoever speaks next waits behind it, and pieces of files are long.
QUEUED_FRAMES_MAX = 24
BUFFER_BYTES = 256 << 10
ROUND_FRAMES_MAX = 64  # taken in one round of the loop: uploads come in large pieces
ZAP_DOMAIN = "device"


class OneDevice:
    """The ZAP credentials provider that admits the device's key and no other."""

    def __init__(self, device_public_key: str) -> None:
        self._key = device_public_key.encode()

    def callback(self, domain: str, key: bytes) -> bool:
        """Return whether the client with this public key (Z85) may come in."""
        return key == self._key


class DeviceSocket:
    """The socket that the device connects to; it keeps the frames that the device does not take yet."""

    def __init__(self, config: StartConfig) -> None:
        self._context = zmq.Context()
        self._authenticator = ThreadAuthenticator(self._context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(ZAP_DOMAIN, OneDevice(config.device_public_key))
        self.socket = self._context.socket(zmq.ROUTER)
        self.socket.curve_server = True
        self.socket.curve_publickey = config.supervisor_public_key.encode()
        self.socket.curve_secretkey = config.supervisor_secret_key.encode()
        self.socket.zap_domain = ZAP_DOMAIN.encode()
        self.socket.linger = 0
        self.socket.maxmsgsize = FRAME_BYTES_MAX
        self.socket.sndhwm = self.socket.rcvhwm = QUEUED_FRAMES_MAX
        self.socket.sndbuf = self.socket.rcvbuf = BUFFER_BYTES
        # A full or absent device must be an error that we see, not frames that are silently dropped.
        self.socket.router_mandatory = True
        self.socket.router_handover = True
        self._device: bytes | None = None
        self._unsent: deque[bytes] = deque()
        self.socket.bind(f"tcp://{config.address}:{config.port}")

    @property
    def met(self) -> bool:
        """Whether the device has said anything yet; before that it cannot be spoken to."""
        return self._device is not None

    @property
    def blocked(self) -> bool:
        """Whether frames wait that the device does not take."""
        return bool(self._unsent)

    @property
    def descriptor(self) -> int:
        """What becomes readable when something happens. That is told once: ``has_news`` must say no before a wait."""
        return int(self.socket.getsockopt(zmq.FD))

    def has_news(self, is_full: bool) -> bool:
        """Return whether a frame has come, or whether the device, which was full, may take one."""
        return bool(int(self.socket.getsockopt(zmq.EVENTS)) & (zmq.POLLIN | (zmq.POLLOUT if is_full else 0)))

    def receive(self) -> list[Down]:
        """Return the frames that the device has sent. Raises wire.WireError."""
        frames: list[Down] = []
        for _ in range(ROUND_FRAMES_MAX):
            try:
                parts = self.socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                break
            self._device = parts[0]
            frames.extend(decode_down(part) for part in parts[1:])
        return frames

    def send(self, frame: Frame) -> None:
        """Send a frame, or keep it in order until ``flush`` can."""
        self._unsent.append(encode(frame))
        self.flush()

    def offer(self, frame: Frame) -> bool:
        """Send a frame if the device takes it at once; return whether it did. One that it did not is not kept."""
        if self._unsent or self._device is None:
            return False
        try:
            self.socket.send_multipart([self._device, encode(frame)], zmq.DONTWAIT)
        except (zmq.Again, zmq.ZMQError):
            return False
        return True

    def flush(self) -> None:
        """Send what waits, as far as the device takes it."""
        while self._unsent and self._device is not None:
            try:
                self.socket.send_multipart([self._device, self._unsent[0]], zmq.DONTWAIT)
            except (zmq.Again, zmq.ZMQError):
                return
            self._unsent.popleft()

    def close(self) -> None:
        """Close the socket; nothing lingers."""
        self.socket.close()
        self._authenticator.stop()
        self._context.term()


class NoDevice:
    """Stands where the device's socket stood when the device has gone: what is said meanwhile is said to nobody."""

    met = blocked = False

    def has_news(self, is_full: bool) -> bool:
        """Return that nothing has come."""
        return False

    def receive(self) -> list[Down]:
        """Return nothing."""
        return []

    def send(self, frame: Frame) -> None:
        """Drop a frame."""

    def offer(self, frame: Frame) -> bool:
        """Drop a frame, as if it were taken."""
        return True

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
