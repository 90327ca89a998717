"""The charter that a supervisor gets: limits from the settings, keys made for this one connection."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import zmq

from settings import Settings
from wire import PROTOCOL

# Where `make run` builds it, as root and in a checkout.
BUILT_PYTHONS = (
    Path("/opt/singlecell/untrusted/bin/python"),
    Path(__file__).resolve().parent.parent / ".build" / "untrusted" / "bin" / "python",
)


@dataclass(frozen=True)
class Keys:
    """CURVE keys, Z85: the device's pair and the supervisor's."""

    device_public: bytes
    device_secret: bytes
    supervisor_public: bytes
    supervisor_secret: bytes

    @classmethod
    def make(cls) -> Keys:
        """Return fresh keys."""
        return cls(*zmq.curve_keypair(), *zmq.curve_keypair())


def choose_python(settings: Settings) -> str:
    """Return the interpreter of the untrusted account."""
    built = next((path for path in BUILT_PYTHONS if path.exists()), BUILT_PYTHONS[0])
    return settings.untrusted_python or str(built)


def choose_port(settings: Settings) -> int:
    """Return a port for the supervisor: the trusted side chooses what it will dial."""
    return random.randint(settings.wall_port_first, settings.wall_port_last)


def line(settings: Settings, keys: Keys, address: str, port: int, workers: int, python: str) -> bytes:
    """Return the charter as the one line of JSON that goes down standard input."""
    limits = {name: getattr(settings, name) for name in settings.names() if name.startswith(("cell_", "session_"))}
    charter = {
        "protocol": PROTOCOL,
        "address": address,
        "port": port,
        "supervisor_public_key": keys.supervisor_public.decode(),
        "supervisor_secret_key": keys.supervisor_secret.decode(),
        "device_public_key": keys.device_public.decode(),
        "workers": workers,
        "pool_ready": settings.pool_ready,
        "languages": {name: {"python": python} for name in settings.languages},
        "limits": limits,
        "waived_layers": settings.waived_layers,
        "limiter": settings.limiter,
        "cgroup_directory": settings.cgroup_directory,
        "heartbeat_timeout_s": settings.heartbeat_timeout_s,
    }
    return json.dumps(charter).encode() + b"\n"
