"""Devices and hosts for cells on hosts of their own: one is cut off, and all that was acknowledged ends once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.hosts.machines import why_not
from harness.processes import tied
from harness.server import ROOT, Server

pytestmark = pytest.mark.root
END_S = 240.0
ARGV = [sys.executable, "-m", "bench.hosts", "--quick", "--visitors", "4", "--faults", "cut_device_off"]


@pytest.mark.timeout(300)
def test_a_device_is_cut_off_without_a_word_and_cells_run_over_the_other(server: Server) -> None:
    """The commands of docs/running.md set all of it up; bench/hosts has more that can happen."""
    assert server.accounts  # and the environments are built
    if reason := why_not():
        pytest.skip(reason)
    ran = subprocess.run(tied(ARGV), cwd=ROOT, capture_output=True, text=True, timeout=END_S, check=False)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0 and said.endswith("all ended as promised\n"), said
