"""The self-test: what it says of a whole sandbox, and of one that lacks a layer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROBE = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
from untrusted.sandbox import SandboxError, selftest
from untrusted.sandbox.plan import build_plan
limits = SimpleNamespace(session_memory_bytes=512 << 20, session_processes_max=32, session_disk_bytes=32 << 20,
                         session_inodes_max=512, session_descriptors_max=128, session_life_s=600.0,
                         cell_wall_s=60.0)
try:
    plan = build_plan(limits, Path(sys.argv[1]), [sys.executable], json.loads(sys.argv[3]))
except SandboxError as error:
    print(json.dumps({"refused": str(error)}))
    sys.exit()
answers = []
for layer in json.loads(sys.argv[2]):
    layers = selftest.probe(plan.without(layer) if layer else plan)
    answers.append([layer, selftest.missing(layers), {l.name: [l.state, l.detail] for l in layers}])
print(json.dumps(answers))
"""
LAYERS = (
    "user_namespace", "mount_namespace", "pid_namespace", "network_namespace", "ipc_namespace", "uts_namespace",
    "cgroup_namespace", "read_only_root", "private_proc", "minimal_dev", "disk_limits", "rlimits", "capabilities",
    "no_new_privs", "closed_descriptors", "landlock", "seccomp",
)  # fmt: skip


@pytest.fixture(scope="session")
def probe(account: dict, python: str):
    """Return a function that runs the self-test with each of these layers left out in turn."""

    def probe(without: list[str], waived: list[str] | None = None):
        argv = [python, "-B", "-c", PROBE, str(ROOT), json.dumps(without), json.dumps(waived or [])]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, cwd="/", **account)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return probe


def test_every_layer_holds_on_this_machine(probe):
    """H2, H4, H5, H6"""
    [[_none, missing, layers]] = probe([""])
    assert missing == []
    assert set(layers) == set(LAYERS)
    assert {state for state, _detail in layers.values()} == {"on"}


def test_each_layer_that_is_left_out_is_named_and_refused(probe):
    """H1"""
    for layer, missing, layers in probe(list(LAYERS)):
        assert layer in missing
        assert layers[layer][1], f"nothing is said about {layer}"


def test_a_waived_layer_is_said_and_not_refused(probe):
    """H1"""
    [[_none, missing, layers]] = probe([""], waived=["landlock", "cgroup_namespace"])
    assert missing == []
    assert layers["landlock"][0] == layers["cgroup_namespace"][0] == "waived"


@pytest.mark.parametrize(
    ("layer", "said"),
    [("mount_namespace", "cannot be waived"), ("no_new_privs", "cannot be waived"), ("selinux", "there is no layer")],
)
def test_what_cannot_be_waived_is_refused_with_a_sentence(probe, layer, said):
    """A12, H1"""
    assert said in probe([""], waived=[layer])["refused"]


def test_root_is_refused():
    """Root never runs user code."""
    source = """
import sys
sys.path.insert(0, sys.argv[1])
from untrusted.sandbox import SandboxError
from untrusted.sandbox.lockdown import Lockdown, settle
import os
os.geteuid = os.getuid = lambda: 0
for put_on in (settle, Lockdown.put_on):
    try:
        put_on(None)
    except SandboxError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-B", "-c", source, str(ROOT)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["root never runs user code"] * 2
