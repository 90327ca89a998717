"""A supervisor refuses to start where a layer is missing, unless the operator has waived that layer by name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.processes import untrusted_python
from harness.supervisor import Supervisor, ship

# A Python on a kernel without Landlock: a filter answers its first call (444) with ENOSYS, here and in all that it starts.
LACKING = """#!{python}
import ctypes, os, struct, sys
rules = ((0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x50000 | 38), (0x06, 0, 0, 0x7FFF0000))
program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *rule) for rule in rules))
class Filter(ctypes.Structure): _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_void_p)]
filter = Filter(len(rules), ctypes.addressof(program))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(filter), 0, 0) == 0
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the untrusted account can read, with its code and that Python."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        lacking = Path(folder, "lacking")
        lacking.write_text(LACKING.format(python=untrusted_python()))
        lacking.chmod(0o755)
        yield ship(Path(folder))


def test_a_supervisor_does_not_start_where_a_layer_is_missing(place):
    """H1"""
    started = Supervisor(place, str(place / "lacking"))
    started.stop()
    assert started.answer == {
        "error": "this host cannot give the layers landlock; fix the host, or name them in waived_layers"
    }
    assert started.process.returncode == 3


def test_a_waived_layer_is_said_at_each_start_and_the_others_hold(place):
    """H1"""
    started = Supervisor(place, str(place / "lacking"), waived_layers=["landlock"])
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
