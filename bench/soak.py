"""Run thousands of sessions in a row through one supervisor and count what is left: processes, descriptors, memory.

``python bench/soak.py UNTRUSTED_PYTHON [SESSIONS]`` speaks the wire with ``untrusted/`` alone, as root in the account
``nobody``, prints a table and writes ``soak.json``. Each session runs one cell and ends; four run at once.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import wire
from tests.untrusted.device import Supervisor, ship

AT_ONCE = 4
WARM_UP = 200


def main() -> None:
    """Count before and after."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit("usage: python bench/soak.py UNTRUSTED_PYTHON [SESSIONS]")
    sessions = int(sys.argv[2]) if len(sys.argv) == 3 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        supervisor = Supervisor(ship(Path(folder)), sys.argv[1])
        supervisor.ready()
        run(supervisor, 0, WARM_UP)
        before = count(supervisor.process.pid)
        started = time.monotonic()
        run(supervisor, WARM_UP, sessions)
        elapsed_s = time.monotonic() - started
        after = count(supervisor.process.pid)
        supervisor.stop()
    table = {"sessions": sessions, "sessions_per_s": round(sessions / elapsed_s, 1), "before": before, "after": after}
    print(f"{sessions} sessions, {table['sessions_per_s']} a second")
    for name, value in before.items():
        print(f"{name:28} {value:10} → {after[name]:10}")
    Path("soak.json").write_text(json.dumps(table, indent=1) + "\n")


def run(supervisor: Supervisor, first: int, sessions: int) -> None:
    """Run sessions, a few at once, each with one cell."""
    begun = 0
    for _ in range(min(AT_ONCE, sessions)):
        begin(supervisor, first + begun)
        begun += 1
    for _ in range(sessions):
        supervisor.wait(lambda frame: isinstance(frame, wire.Closed))
        supervisor.heard.clear()
        if begun < sessions:
            begin(supervisor, first + begun)
            begun += 1


def begin(supervisor: Supervisor, number: int) -> None:
    """Open a session and run its only cell."""
    session = f"soak-{number}"
    supervisor.send(wire.Open(session, "python"), wire.Run(session, f"cell-{number}", "1+1", False, True))


def count(pid: int) -> dict[str, int]:
    """Return what the supervisor and its zygote hold, in numbers and KiB."""
    zygote = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    found = {"processes of the account": processes(pid)}
    for name, process in (("supervisor", pid), ("zygote", zygote)):
        found[f"{name}: descriptors"] = len(os.listdir(f"/proc/{process}/fd"))
        found[f"{name}: mounts"] = len(Path(f"/proc/{process}/mountinfo").read_text().splitlines())
        found[f"{name}: private KiB"] = private_kib(process)
    return found


def processes(pid: int) -> int:
    """Return how many processes the account of a process has."""
    account = os.stat(f"/proc/{pid}").st_uid
    return sum(path.stat().st_uid == account for path in Path("/proc").glob("[0-9]*") if path.exists())


def private_kib(pid: int) -> int:
    """Return the memory that a process shares with nobody."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


if __name__ == "__main__":
    main()
