"""Tests the layer ``gvisor``: a guest, started as for a session, tries to reach what lies outside of it."""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

import msgspec

from untrusted.sandbox import gvisor
from untrusted.sandbox.plan import HOME, Plan
from untrusted.sandbox.probes import Outside, ProbeError, connect, refused

LAYER = "gvisor"
_CODE_DIRECTORY = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from untrusted.sandbox.guest_probe import main; main()"


def start(plan: Plan, outside: Outside, report: int) -> None:
    """Probe from inside a guest; called in a session, which has nothing else to do. Raises OSError, SandboxError."""
    argv = [plan.python, "-I", "-B", "-c", _START, str(_CODE_DIRECTORY)]
    argv += [json.dumps(asdict(outside)), plan.to_bytes().decode()]
    code = gvisor.run(plan, argv, {"PATH": "/usr/bin:/bin", "HOME": HOME}, 0, report, 2)
    if code:
        os.write(report, f"runsc ended with {code}; the log has what it said".encode())


def main() -> None:
    """Write what came of the probes, as JSON, on standard output."""
    outside = msgspec.json.decode(sys.argv[1], type=Outside)
    plan = Plan.from_bytes(sys.argv[2].encode())
    try:
        probe(plan, outside)
        fault = ""
    except ProbeError as error:
        fault = str(error)
    except Exception as error:  # noqa: BLE001  a probe that cannot be made proves nothing
        fault = f"the probe failed: {type(error).__name__}: {error}"
    os.write(1, msgspec.json.encode({LAYER: fault}))


def probe(plan: Plan, outside: Outside) -> None:
    """Try what user code would try. Raises ProbeError."""
    if os.uname().release == outside.kernel:
        raise ProbeError("the kernel is the host's")
    refused("opening a file outside", lambda: os.open(outside.file, os.O_RDONLY))
    refused("a connection to the host's loopback", lambda: connect(socket.AF_INET, ("127.0.0.1", outside.tcp_port)))
    refused("a connection to an abstract socket", lambda: connect(socket.AF_UNIX, f"\0{outside.abstract_name}"))
    interfaces = [name for _number, name in socket.if_nameindex() if name != "lo"]
    if interfaces:
        raise ProbeError(f"there are network interfaces: {', '.join(interfaces)}")
    processes = [name for name in os.listdir("/proc") if name.isdigit()]
    if processes != [str(os.getpid())]:
        raise ProbeError(f"/proc shows the processes {', '.join(processes)}")
    for path in ("/", "/etc", *plan.trees):
        if os.path.isdir(path):
            refused(f"making a directory in {path}", partial(os.mkdir, f"{path}/probe"))
    _limits(plan)
    status = Path("/proc/self/status").read_text().splitlines()
    held = [line for line in status if line.startswith("Cap") and int(line.split()[1], 16)]
    if held:
        raise ProbeError(f"capabilities are left: {', '.join(held)}")


def _limits(plan: Plan) -> None:
    for path in (HOME, "/tmp", "/dev/shm"):
        state = os.statvfs(path)
        if not 0 < state.f_blocks * state.f_frsize <= plan.disk_bytes:
            raise ProbeError(f"{path} has no limit")
    if not 0 < os.statvfs(HOME).f_files <= plan.inodes_max:
        raise ProbeError(f"{HOME} may hold any number of files")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] > plan.descriptors_max:
        raise ProbeError("any number of file descriptors may be opened")
