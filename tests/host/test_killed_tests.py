"""Tests that are killed outright leave nothing behind."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

from harness.processes import all_end, start
from harness.server import ROOT, START_S

# As pytest has it while a test with a server of its own runs.
TESTS = """
import signal
from harness.server import serve
with serve("") as server:
    print("serving", server.data, flush=True)
    signal.pause()
"""
END_S = 30.0


def test_a_server_with_all_its_parts_ends_when_the_tests_that_started_it_are_killed():
    with start([sys.executable, "-c", TESTS], ready="^serving ", deadline_s=START_S, cwd=ROOT) as tests:
        data = Path(tests.output.split()[1])
        try:
            below = tests.descendants()
            assert len(below) > 5
            with all_end(below, END_S):
                tests.signal(signal.SIGKILL)
        finally:
            shutil.rmtree(data, ignore_errors=True)
            data.with_suffix(".config.py").unlink(missing_ok=True)
