"""The charter: what the trusted side tells the supervisor once, as one line of JSON on standard input."""

from __future__ import annotations

import os

import msgspec

from wire import PROTOCOL

CHARTER_BYTES_MAX = 1 << 20


class CharterError(ValueError):
    """The first line of standard input is no charter that this supervisor understands."""


class Limits(msgspec.Struct, forbid_unknown_fields=True):
    """The settings that start with ``cell_`` and ``session_``, under their own names and in their own units."""

    cell_wall_s: float
    cell_cpu_s: float
    cell_input_s: float
    cell_total_s: float
    cell_interrupt_grace_s: float
    cell_output_bytes_max: int
    cell_messages_max: int
    cell_files_max: int
    cell_file_bytes_max: int
    cell_files_bytes_max: int
    session_memory_bytes: int
    session_processes_max: int
    session_cpu_weight: int
    session_cpus_max: float
    session_disk_bytes: int
    session_inodes_max: int
    session_descriptors_max: int
    session_idle_s: float
    session_life_s: float
    session_idle_gives_way: bool


class LanguageCharter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``python``: the interpreter whose environment holds the language.

    ``stamp``: the file that whoever builds the environment writes last, "" where it was built by other means.
    """

    python: str
    stamp: str
    limits: Limits

    @property
    def installed(self) -> bool:
        """Whether the environment is whole and this account can run it."""
        return os.access(self.python, os.X_OK) and (not self.stamp or os.access(self.stamp, os.R_OK))


class Charter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a supervisor knows of the world. Keys are Z85 text, made for this one connection.

    ``asking_max``, ``asking_bytes_max``: sessions that wait for an answer beside the ``workers``, and their memory.
    ``runsc``: gVisor's program, "" where sessions run on the host's kernel.
    """

    protocol: int
    address: str
    port: int
    supervisor_public_key: str
    supervisor_secret_key: str
    device_public_key: str
    workers: int
    asking_max: int
    asking_bytes_max: int
    pool_ready: int
    languages: dict[str, LanguageCharter]
    waived_layers: list[str]
    runsc: str
    runsc_flags: list[str]
    limiter: str
    cgroup_directory: str
    heartbeat_timeout_s: float


def decode(line: bytes) -> Charter:
    """Return the charter in one line of JSON. Raises CharterError."""
    try:
        charter = msgspec.json.decode(line, type=Charter)
    except msgspec.DecodeError as error:
        raise CharterError(f"the charter cannot be read: {error}") from error
    if charter.protocol != PROTOCOL:
        raise CharterError(f"the device speaks protocol {charter.protocol}; this supervisor speaks {PROTOCOL}")
    return charter
