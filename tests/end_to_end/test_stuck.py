"""Machinery that is stuck before a cell begins is not the cell's doing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from harness.processes import wait_for
from harness.server import Server


def workers(server: Server) -> list[int]:
    """Return the processes that the zygote has forked."""
    found = []
    for pid in server.process.descendants():
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
            parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
            above = Path(f"/proc/{parent}/cmdline").read_bytes()
        except OSError:
            continue
        if b"untrusted.worker.zygote" in line and b"untrusted.worker.zygote" in above:
            found.append(pid)
    return found


def test_a_cell_whose_worker_is_stuck_before_it_begins_runs_in_another(brief, brief_server):
    assert brief.run("1 + 1").result == "2"
    wait_for(lambda: len(workers(brief_server)) == 2)  # the init and the worker of the next session
    stuck = workers(brief_server)
    for pid in stuck:
        os.kill(pid, signal.SIGSTOP)
    outcome = brief.run("6 * 7")
    assert (outcome.state, outcome.result, outcome.description["attempt"]) == ("done", "42", 2)
    assert outcome.of_type("error") == []
    wait_for(lambda: not set(stuck) & set(workers(brief_server)))
