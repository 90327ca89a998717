"""Plans a sandbox: the supervisor makes and tests the plan once, zygotes are handed it, every child follows it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from untrusted.sandbox import SandboxError, seccomp, syscalls
from wire import Limits

HOME = "/home/cell"
USER, USER_ID = "cell", 1000
# Without root, runsc maps one account: its own, as 0. In a guest that is a user without any capability.
GUEST_USER_ID = 0
# In the order in which they are put on; the last is put on by the supervisor, from outside.
LAYERS = (
    "user_namespace", "mount_namespace", "pid_namespace", "network_namespace", "ipc_namespace", "uts_namespace",
    "cgroup_namespace", "read_only_root", "private_proc", "minimal_dev", "disk_limits", "rlimits", "capabilities",
    "no_new_privs", "closed_descriptors", "landlock", "seccomp", "limiter",
)  # fmt: skip
# Nothing else can be had, or would hold, without these.
FLOOR = ("user_namespace", "mount_namespace", "no_new_privs")
# What keeps cells from calls of the host's kernel. In a guest they reach gVisor's instead, and runsc, which filters
# itself, needs calls that these refuse.
GVISOR_REPLACES = ("landlock", "seccomp")
# What a cell may see of the host: programs, libraries, fonts. Symbolic links (/lib -> usr/lib) are made again.
SYSTEM_TREES = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# What programs want of /etc and what tells nothing about the host: link farms, fonts, the linker's cache.
ETC_SHOWN = (
    "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/mime.types", "/etc/R", "/etc/ssl/openssl.cnf",
    "/etc/ImageMagick-6", "/etc/java-17-openjdk", "/etc/magic",
)  # fmt: skip
# What a fresh /proc tells of the host, or of other sessions: through the account's key rings, through counters of what
# the whole host does (Docker's list, and more).
PROC_MASKED = (
    "acpi", "asound", "bus", "cgroups", "cmdline", "config.gz", "diskstats", "driver", "fs", "interrupts", "irq",
    "kallsyms", "kcore", "key-users", "keys", "latency_stats", "locks", "modules", "pressure", "sched_debug", "scsi",
    "softirqs", "sys", "sysrq-trigger", "timer_list", "vmstat",
)  # fmt: skip
# Of our own code.
SHIPPED = ("untrusted", "wire.py", "contract.py")


@dataclass(frozen=True)
class Gvisor:
    """The program of gVisor: where it is, and the flags that the operator gives it beside ours."""

    runsc: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Everything that a child needs to lock itself down.

    ``trees``: paths shown read-only where they are. ``links``: symbolic links of the root, as (path, target).
    ``masks``: what is covered in /proc, as (path, whether it is a directory).
    ``seccomp_program``: BPF, 8 bytes an instruction. ``landlock_abi``: 0 where the kernel has no Landlock.
    ``terminals``: sessions have pseudo-terminals of their own. ``waived``: layers that the host cannot give and the
    operator does without; ``omitted``: layers left out by a test. ``gvisor``: None where cells run on the host's
    kernel. ``python``: the interpreter that guests start. ``cell_wall_s``: the time of a cell, for a worker that waits.
    """

    memory_bytes: int
    processes_max: int
    disk_bytes: int
    inodes_max: int
    descriptors_max: int
    cpu_s: int
    trees: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    masks: tuple[tuple[str, bool], ...]
    seccomp_program: bytes
    landlock_abi: int
    terminals: bool = False
    waived: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    gvisor: Gvisor | None = None
    python: str = ""
    cell_wall_s: float = 60.0

    def has(self, layer: str) -> bool:
        """Return whether children put this layer on."""
        left_out = {*self.waived, *self.omitted, *(GVISOR_REPLACES if self.gvisor else ())}
        if layer == "private_proc" and "pid_namespace" in left_out:
            return False  # the kernel gives a /proc of its own only to a pid namespace of its own
        if layer == "landlock" and not self.landlock_abi:
            return False
        return layer not in left_out

    def without(self, *layers: str) -> Plan:
        """Return this plan with layers left out, for tests that show what the other layers hold."""
        return replace(self, omitted=(*self.omitted, *layers))

    def to_bytes(self) -> bytes:
        """Return the plan as the zygote reads it."""
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Plan:
        """Return the plan that ``to_bytes`` wrote."""
        return msgspec.json.decode(data, type=cls)


def build_plan(
    limits: Limits,
    code_directory: Path,
    pythons: Sequence[str],
    waived: Iterable[str] = (),
    terminals: bool = False,
    memory_is_seen: bool = False,
    gvisor: Gvisor | None = None,
    home: Path | None = None,
    calls: Iterable[str] = (),
    trees: Iterable[str] = (),
) -> Plan:
    """Return the plan for these limits.

    Sessions see what of ``code_directory`` is ``SHIPPED``, and the environments of ``pythons``. ``memory_is_seen``:
    whether the limiter sees all memory; what it would not see is refused. ``home``: where languages keep caches; only
    guests of gVisor, which load their language themselves, are shown it. ``calls``: system calls that the language adds
    to those that every session may make. ``trees``: paths of the host that it adds to those that every session sees.
    Raises SandboxError for a layer that is unknown or cannot be waived, for a Python that does not run, and for a call
    that does not exist.
    """
    waived = tuple(waived)
    unknown = [layer for layer in waived if layer not in LAYERS]
    if unknown:
        raise SandboxError(f"there is no layer {unknown[0]!r} to waive; layers are {', '.join(LAYERS)}")
    needed = [layer for layer in waived if layer in FLOOR]
    if needed:
        raise SandboxError(f"the layer {needed[0]} cannot be waived: without it there is no sandbox")
    system = [path for path in SYSTEM_TREES if os.path.exists(path)]
    links = [(path, os.readlink(path)) for path in system if os.path.islink(path)]
    wanted = [path for path in system if not os.path.islink(path)]
    wanted += [path for path in ETC_SHOWN if os.path.exists(path)]
    # Not the whole directory: in a checkout it also holds what is none of a session's business.
    wanted += [str(code_directory / name) for name in SHIPPED]
    wanted += [gvisor.runsc] if gvisor else []
    wanted += [str(home)] if gvisor and home and home.is_dir() else []
    wanted += [path for path in trees if os.path.exists(path)]
    prefixes = [prefix for python in pythons for prefix in _prefixes(python)]
    trees = _outermost(wanted + prefixes)
    # An environment may be known by a link to it, and programs in it by that name.
    links += [(path, real) for path in dict.fromkeys(prefixes) if (real := os.path.realpath(path)) != path]
    return Plan(
        memory_bytes=limits.session_memory_bytes,
        processes_max=limits.session_processes_max,
        disk_bytes=limits.session_disk_bytes,
        inodes_max=limits.session_inodes_max,
        descriptors_max=limits.session_descriptors_max,
        cpu_s=int(limits.session_life_s),
        trees=trees,
        links=tuple(link for link in links if not any(link[0].startswith(f"{tree}/") for tree in trees)),
        # Of a guest only runsc sees the host's /proc; it reads there, and nests a /proc that must not be masked.
        masks=() if gvisor else tuple((path, os.path.isdir(path)) for path in _masked()),
        seccomp_program=seccomp.compile_program(memory_is_seen, calls) if "seccomp" not in waived else b"",
        landlock_abi=_landlock_abi(),
        terminals=terminals,
        waived=waived,
        gvisor=gvisor,
        python=pythons[0],
        cell_wall_s=limits.cell_wall_s,
    )


def _prefixes(python: str) -> list[str]:
    """Return the directories that an interpreter needs: its environment's, and that of the Python it was made from."""
    report = "import json, sys; print(json.dumps([sys.prefix, sys.base_prefix]))"
    try:
        answer = subprocess.run([python, "-I", "-c", report], capture_output=True, timeout=60, check=True)
        return msgspec.json.decode(answer.stdout, type=list[str])
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
        raise SandboxError(f"the Python at {python} does not run: {error}") from error


def _masked() -> list[str]:
    return [path for name in PROC_MASKED if os.path.exists(path := f"/proc/{name}")]


def _outermost(paths: list[str]) -> tuple[str, ...]:
    """Return the paths without those that lie below another: a tree is shown with all that is in it."""
    kept: list[str] = []
    for path in sorted({os.path.realpath(path) for path in paths}):
        if path == "/":
            raise SandboxError("the whole file system cannot be shown to a session")
        if not any(path.startswith(f"{outer}/") for outer in kept):
            kept.append(path)
    return tuple(kept)


def _landlock_abi() -> int:
    try:
        return syscalls.landlock_abi()
    except OSError:
        return 0
