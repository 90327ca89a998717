"""A supervisor refuses to start where a layer is missing, unless the operator has waived that layer by name."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.processes import Process, untrusted_python
from harness.server import ROOT, START_S
from harness.supervisor import Supervisor, ship
from host.errors import EXIT_MISSING
from untrusted.sandbox.call_numbers import numbers_of
from untrusted.sandbox.syscalls import MACHINE

# A Python on a kernel that refuses a call: a filter answers it with an error, here and in all that it starts.
LACKING = """#!{python}
import ctypes, os, struct, sys
rules = ((0x20, 0, 0, 0), (0x15, 0, 1, {call}), (0x06, 0, 0, 0x50000 | {error}), (0x06, 0, 0, 0x7FFF0000))
program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *rule) for rule in rules))
class Filter(ctypes.Structure): _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_void_p)]
filter = Filter(len(rules), ctypes.addressof(program))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(filter), 0, 0) == 0
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


LANDLOCK, UNSHARE = "landlock", "user_namespace"
CALLS = {
    LANDLOCK: (numbers_of(MACHINE)["landlock_create_ruleset"], errno.ENOSYS),
    UNSHARE: (numbers_of(MACHINE)["unshare"], errno.EPERM),
}
WHY = {LANDLOCK: "the kernel has no Landlock", UNSHARE: "unshare: Operation not permitted"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the untrusted account can read, with its code and a Python that lacks each of these layers."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for layer, (call, error) in CALLS.items():
            lacking = Path(folder, layer)
            lacking.write_text(LACKING.format(python=untrusted_python(), call=call, error=error))
            lacking.chmod(0o755)
        yield ship(Path(folder))


@pytest.mark.parametrize("layer", CALLS)
def test_a_supervisor_does_not_start_where_a_layer_is_missing_and_says_which(place, layer):
    """H1"""
    started = Supervisor(place, str(place / layer))
    started.stop()
    assert started.answer == {"error": f"this host does not give the layer {layer}: {WHY[layer]}", "layers": [layer]}
    assert started.process.returncode == 3


@pytest.mark.parametrize("layer", CALLS)
def test_make_run_ends_where_a_layer_is_missing_and_says_what_to_do(place, own_site, layer):
    """H1"""
    config = own_site.data / "settings.py"
    config.write_text(f"untrusted_python = {str(place / layer)!r}\n")
    process = Process(own_site.argv, {**own_site.env, "SINGLECELL_CONFIG": str(config)}, ROOT)
    try:
        assert process.wait(START_S) == EXIT_MISSING
        said = [line for line in process.log.splitlines() if re.fullmatch("singlecell: .*", line)]
        (cause,) = [number for number, line in enumerate(said) if "does not give" in line]
        assert re.fullmatch(f"singlecell: .*: this host does not give the layer {layer}: {WHY[layer]}", said[cause])
        assert len(said[cause:]) > 1 and all(line.startswith("singlecell: what to do: ") for line in said[cause + 1 :])
        assert "WARNING" not in process.log and process.output == ""
    finally:
        process.stop()


def test_a_waived_layer_is_said_at_each_start_and_the_others_hold(place):
    """H1"""
    started = Supervisor(place, str(place / LANDLOCK), waived_layers=["landlock"])
    try:
        assert "listening" in started.answer, started.answer
        layers = {layer.name: layer.state for layer in started.ready().layers}
        assert {name for name, state in layers.items() if state != "on"} == {"landlock"}
        assert layers["landlock"] == "waived"
        log = Path(started.log.name).read_text()
        assert log.count("running without the layer landlock, as waived_layers says") == 1
        started.run("s", "c", "for path in ('/etc/shadow', '/root', '/run'): print(__import__('os').path.lexists(path))")
        assert started.text("c") == "False\n" * 3
    finally:
        started.stop()
