"""Makes the start configuration of a supervisor, of the settings and of keys for this one connection."""

from __future__ import annotations

import hashlib
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zmq

from device.connect import bundle
from settings import Settings
from wire import PROTOCOL, Inheritance, LanguageConfig, Limits, StartConfig

# Where `make run` builds environments, as root and in a checkout.
BUILT = (Path("/opt/singlecell"), Path(__file__).resolve().parents[2] / ".build")
UNTRUSTED = "untrusted"  # the environment that the supervisor itself runs in


@dataclass(frozen=True)
class Keys:
    """The CURVE keys of one connection, as Z85 text: the device's pair and the supervisor's.

    ``heir``: what the next device shows, to go on with the kept sessions of this supervisor.
    """

    device_public: bytes
    device_secret: bytes
    supervisor_public: bytes
    supervisor_secret: bytes
    heir: str

    @classmethod
    def make(cls) -> Keys:
        """Return fresh keys."""
        return cls(*zmq.curve_keypair(), *zmq.curve_keypair(), secrets.token_hex(32))


def choose_python(settings: Settings) -> str:
    """Return the interpreter of the untrusted account."""
    return settings.untrusted_python or str(_directory(settings) / UNTRUSTED / "bin" / "python")


def _directory(settings: Settings) -> Path:
    if settings.environments_directory:
        return Path(settings.environments_directory)
    return next((path for path in BUILT if (path / UNTRUSTED / "bin" / "python").exists()), BUILT[0])


def language_config(settings: Settings, name: str) -> LanguageConfig:
    """Return what a supervisor is told of a language: interpreter, the stamp of its whole environment, limits."""
    entry, own = settings.languages[name], settings.of_language(name)
    environment, through = entry["environment"], entry["through"]
    limits = Limits(**{limit: getattr(own, limit) for limit in Limits.__struct_fields__})
    if environment.startswith("/"):
        return LanguageConfig(environment, "", limits, through)
    if environment == UNTRUSTED and settings.untrusted_python:
        return LanguageConfig(settings.untrusted_python, "", limits, through)
    directory = _directory(settings) / environment
    # deploy/bootstrap.sh writes the stamp when everything else is there.
    return LanguageConfig(str(directory / "bin" / "python"), str(directory / ".stamp"), limits, through)


def share(of_all: int, settings: Settings) -> int:
    """Return what one account may have of what the settings allow all accounts together."""
    return max(1, of_all // max(1, len(settings.untrusted_accounts)))


def choose_port(settings: Settings) -> int:
    """Return a port for the supervisor: the trusted side chooses where it will connect to."""
    return random.randint(settings.wall_port_first, settings.wall_port_last)


def start_line(
    settings: Settings, keys: Keys, address: str, port: int, workers: int, inherits: Sequence[Inheritance] = ()
) -> bytes:
    """Return the start configuration as the one line of JSON that goes down standard input."""
    config = StartConfig(
        protocol=PROTOCOL,
        address=address,
        port=port,
        supervisor_public_key=keys.supervisor_public.decode(),
        supervisor_secret_key=keys.supervisor_secret.decode(),
        device_public_key=keys.device_public.decode(),
        workers=workers,
        asking_max=share(settings.sessions_asking_max, settings),
        asking_bytes_max=share(settings.sessions_asking_bytes_max, settings),
        pool_ready=settings.pool_ready,
        languages={name: language_config(settings, name) for name in settings.languages},
        waived_layers=settings.waived_layers,
        runsc=settings.runsc if settings.sandbox_kernel == "gvisor" else "",
        runsc_flags=settings.runsc_flags,
        limiter=settings.limiter,
        cgroup_directory=settings.cgroup_directory,
        heartbeat_timeout_s=settings.heartbeat_timeout_s,
        code_digest=bundle.digest(),
        heir_digest=hashlib.sha256(keys.heir.encode()).hexdigest(),
        session_grace_s=settings.session_grace_s,
        inherits=list(inherits),
    )
    return msgspec.json.encode(config) + b"\n"
