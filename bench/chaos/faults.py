"""The faults: each is done to a running server, lasts for a while, and is healed when its function returns."""

from __future__ import annotations

import os
import random
import signal
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.chaos.parts import Parts
from harness.server import Server, seen_by

LOOK_S = 0.05
LEFT_BYTES = 4096  # on a full disk
HOUR_S = 3600
KILLED = ("device", "supervisor", "zygote", "web", "database")


@dataclass
class Scene:
    """A server and what the faults need to know of it. ``clock``: the file that sets the database's clock, if any."""

    server: Server
    parts: Parts
    chance: random.Random
    lease_s: float
    heartbeat_timeout_s: float
    code: Path
    clock: Path | None
    clock_by_s: int = 0


def kill(scene: Scene) -> None:
    """Kill one of the parts outright."""
    scene.parts.signal(scene.chance.choice(KILLED), signal.SIGKILL)


def stop_device(scene: Scene) -> None:
    """Stop the device for longer than its leases last."""
    with scene.parts.stopped("device"):
        time.sleep(scene.lease_s * 1.5)


def stop_supervisor(scene: Scene) -> None:
    """Stop the supervisor for longer than the device waits for its signs of life."""
    with scene.parts.stopped("supervisor"):
        time.sleep(scene.heartbeat_timeout_s * 2)


def hang_database(scene: Scene) -> None:
    """Stop the database: its connections stay, and nobody answers."""
    with scene.parts.stopped("database"):
        time.sleep(_long(scene))


def lose_database(scene: Scene) -> None:
    """Kill the database again and again."""
    end = time.monotonic() + _long(scene)
    while time.monotonic() < end:
        scene.parts.signal("database", signal.SIGKILL)
        time.sleep(LOOK_S)


def fill_disk(scene: Scene) -> None:
    """Fill the disk of the database wholly."""
    with _filled(scene.server.data):
        time.sleep(_long(scene))


def fill_code(scene: Scene) -> None:
    """Fill the disk where supervisors unpack their code and work, and kill the one that runs."""
    with _filled(scene.code):
        scene.parts.signal("supervisor", signal.SIGKILL)
        time.sleep(scene.heartbeat_timeout_s)


def set_clock_back(scene: Scene) -> None:
    """Set the database's clock back by an hour, and kill the device a moment later."""
    _set_clock(scene, scene.clock_by_s - HOUR_S)
    time.sleep(scene.chance.uniform(0, 3))
    scene.parts.signal("device", signal.SIGKILL)


def set_clock_forward(scene: Scene) -> None:
    """Set the database's clock forward by an hour."""
    _set_clock(scene, scene.clock_by_s + HOUR_S)


def half_open(scene: Scene) -> None:
    """Let nothing more reach the device through the connections to its accounts, which stay open."""
    with scene.parts.half_open("device") as connections:
        assert connections, "the device has no connection"
        time.sleep(scene.heartbeat_timeout_s * 1.5)


FAULTS: dict[str, Callable[[Scene], None]] = {
    fault.__name__: fault
    for fault in (
        kill, stop_device, stop_supervisor, hang_database, lose_database, fill_disk, fill_code, set_clock_back,
        set_clock_forward, half_open,
    )
}  # fmt: skip
OF_CLOCK = ("set_clock_back", "set_clock_forward")


def _long(scene: Scene) -> float:
    """Return so long a time that nothing that was there before may count on its leases."""
    return 4 * scene.lease_s


def _set_clock(scene: Scene, by_s: int) -> None:
    assert scene.clock is not None
    scene.clock_by_s = by_s
    set_clock(scene.clock, by_s)


def set_clock(clock: Path, by_s: int) -> None:
    """Let a clock (clock.c) be off by so many seconds."""
    with open(clock, "r+b" if clock.exists() else "wb") as file:
        file.write(struct.pack("q", by_s))


@contextmanager
def _filled(directory: Path) -> Iterator[None]:
    """Fill a disk for the block."""
    ballast = directory / "ballast"
    with open(ballast, "wb") as file:
        free = os.statvfs(directory)
        with suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_frsize - LEFT_BYTES))
    try:
        yield
    finally:
        ballast.unlink()


def code_directory(server: Server, code: Path) -> Path:
    """Return where we see the directory in which supervisors unpack their code."""
    return seen_by(server.process.pid, code)
