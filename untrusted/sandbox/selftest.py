"""Tests the sandbox at every start of a supervisor: a real child, locked down, tries to get out."""

from __future__ import annotations

import os
import select
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NoReturn

import msgspec

from untrusted.sandbox import SandboxError, die_with_parent, guest_probe, probes
from untrusted.sandbox.blame import blame
from untrusted.sandbox.clone import clone_session
from untrusted.sandbox.plan import Plan
from wire import Layer

# What a session is given to do: to probe, and to report on a descriptor.
Probing = Callable[[Plan, probes.Outside, int], None]
PROBE_S_MAX = 20.0
NOT_TRIED = "it could not be tried"
_REPORT_BYTES_MAX = 1 << 20


def probe(plan: Plan) -> list[Layer]:
    """Return what each layer is worth on this host: on, off, or waived; the limiter speaks for itself.

    Called in a process with one thread.
    """
    results = _tried(plan, _probe_session, probes.of(plan))
    if plan.gvisor:
        results |= _tried(plan, guest_probe.start, (guest_probe.LAYER,))
    return [_layer(plan, name, fault) for name, fault in results.items()]


def missing(layers: Iterable[Layer]) -> list[str]:
    """Return the names of the layers that are off; with one of them no session may run."""
    return [layer.name for layer in layers if layer.state == "off"]


def causes(layers: Iterable[Layer]) -> dict[str, str]:
    """Return what is wrong with each layer that is off, but for those that could not be tried for want of another."""
    off = {layer.name: layer.detail for layer in layers if layer.state == "off"}
    return {name: detail for name, detail in off.items() if detail != NOT_TRIED} or off


def _layer(plan: Plan, name: str, fault: str) -> Layer:
    if name in plan.waived:
        return Layer(name, "waived", fault or "not put on")
    if fault:
        return Layer(name, "off", fault)
    return Layer(name, "on", f"ABI {plan.landlock_abi}" if name == "landlock" else "")


def _tried(plan: Plan, probing: Probing, layers: Sequence[str]) -> dict[str, str]:
    try:
        return _run(plan, probing, layers)
    except (OSError, SandboxError) as error:
        culprit, words = blame(str(error), layers)
        return {layer: words if layer == culprit else NOT_TRIED for layer in layers}


def _run(plan: Plan, probing: Probing, layers: Sequence[str]) -> dict[str, str]:
    with (
        tempfile.NamedTemporaryFile() as file,
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        name = f"singlecell-{os.getpid()}"
        abstract.bind(f"\0{name}")
        abstract.listen()
        outside = probes.Outside(
            os.getpid(), probes.namespaces(), file.name, tcp.getsockname()[1], name, os.uname().release
        )
        return _decode(_in_a_session(plan, partial(probing, plan, outside)), layers)


def _probe_session(plan: Plan, outside: probes.Outside, report: int) -> None:
    os.write(report, msgspec.json.encode(probes.run(plan, outside, {0, 1, 2, report})))


def _in_a_session(plan: Plan, job: Callable[[int], None]) -> bytes:
    """Return what a job in a session says; it is given the descriptor to say it on."""
    report, theirs = os.pipe()
    zygote = os.fork()
    if zygote == 0:
        _be_zygote(plan, job, theirs)
    os.close(theirs)
    try:
        return _read(report, zygote)
    finally:
        os.close(report)


def _be_zygote(plan: Plan, job: Callable[[int], None], report: int) -> NoReturn:
    """Start a session just as a zygote does, and wait for its end."""

    try:
        die_with_parent(signal.SIGKILL)
        cloned = clone_session(plan, partial(job, report), keep=[report], complaints=report)
        os.waitid(os.P_PIDFD, cloned.pidfd, os.WEXITED)
    except (OSError, SandboxError) as error:
        os.write(report, str(error).encode())
    finally:
        os._exit(0)


def _read(report: int, zygote: int) -> bytes:
    """Return all that is said before the zygote and its session have ended; kill them when they take too long."""
    stop_at, said = time.monotonic() + PROBE_S_MAX, b""
    try:
        while len(said) < _REPORT_BYTES_MAX:
            if not select.select([report], [], [], max(0.0, stop_at - time.monotonic()))[0]:
                break
            piece = os.read(report, 65536)
            if not piece:
                return said
            said += piece
        raise SandboxError(f"the self-test did not end within {PROBE_S_MAX:.0f} s")
    finally:
        os.kill(zygote, signal.SIGKILL)  # and its session with it
        os.waitpid(zygote, 0)


def _decode(said: bytes, layers: Iterable[str]) -> dict[str, str]:
    try:
        results = msgspec.json.decode(said, type=dict[str, str])
    except (msgspec.DecodeError, ValueError):
        raise SandboxError(said.decode("utf-8", "replace").strip() or "the child said nothing") from None
    if set(results) != set(layers):
        raise SandboxError("the child did not report every layer")
    return results
