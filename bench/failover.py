"""Take nodes of a replica set away while cells run: what becomes of them, and how soon a new one runs.

``python -m bench.failover [CELLS]`` runs a MongoDB of three nodes as docs/database.md says, and a server on it as
``make run`` starts it. Every cell that was acknowledged must come to its right end, and every kept session must live.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from harness.replica_set import NODES, ReplicaSet, replica_set
from harness.server import serve
from singlecell_client import Client
from singlecell_client.connection import Refused, Unreachable

ELECTION_MS = 10_000  # MongoDB's own
CODE = "import time\ntime.sleep(2)\nprint({0} * {0})"
SESSIONS, SENDERS = 8, 16
AWAY_S = 20.0
DEADLINE_S = 300.0


def main() -> None:
    """Print a line for each fault."""
    cells = int(sys.argv[1]) if sys.argv[1:] else 200
    folder = Path(tempfile.mkdtemp(prefix="nodes-", dir="/tmp"))
    folder.chmod(0o755)
    with replica_set(folder, ELECTION_MS) as nodes, serve(_lines(nodes)) as server:
        for name, fault in FAULTS.items():
            print(f"{name}: {look(Client(server.url), nodes, fault, cells)}", flush=True)


def _lines(nodes: ReplicaSet) -> str:
    """Return the settings of a server on this replica set."""
    chosen = {**nodes.settings, "session_idle_gives_way": False}
    return "".join(f"{name} = {value!r}\n" for name, value in chosen.items())


# --- the faults: each returns what mends it -------------------------------------------------------------------------
def step_down(nodes: ReplicaSet) -> Callable[[], None]:
    """Have the primary step down."""
    nodes.step_down()
    return lambda: None


def kill_primary(nodes: ReplicaSet) -> Callable[[], None]:
    """Kill the primary."""
    node = nodes.primary()
    nodes.processes[node].signal(signal.SIGKILL)
    return lambda: restart(nodes, node)


def stop_primary(nodes: ReplicaSet) -> Callable[[], None]:
    """Stop the primary, so that it answers nobody, for a while."""
    node = nodes.primary()
    nodes.processes[node].signal(signal.SIGSTOP)
    time.sleep(AWAY_S)
    nodes.processes[node].signal(signal.SIGCONT)
    return lambda: None


def no_majority(nodes: ReplicaSet) -> Callable[[], None]:
    """Kill two of three nodes, and start them again after a while."""
    primary = nodes.primary()
    others = [node for node in range(NODES) if node != primary]
    for node in others:
        nodes.processes[node].signal(signal.SIGKILL)
    time.sleep(AWAY_S)
    for node in others:
        restart(nodes, node)
    return lambda: None


def restart(nodes: ReplicaSet, node: int) -> None:
    """Start a node that was killed."""
    nodes.stop(node)
    nodes.start(node)


FAULTS = {"stepped down": step_down, "killed": kill_primary, "stopped for 20 s": stop_primary,
          "no majority for 20 s": no_majority}  # fmt: skip


def look(client: Client, nodes: ReplicaSet, fault: Callable[[ReplicaSet], Callable[[], None]], cells: int) -> str:
    """Do something to the nodes while cells run; return what came of them."""
    sessions = [client.run(f"n = {number}", keep=True).session for number in range(SESSIONS)]
    with ThreadPoolExecutor(SENDERS) as pool:
        ids = list(pool.map(lambda number: client.submit(CODE.format(number))["id"], range(cells)))
        mend = fault(nodes)
        began = time.monotonic()
        nodes.primary()
        primary_s = time.monotonic() - began
        _acknowledged(client)
        acknowledged_s = time.monotonic() - began - primary_s
        _new_cell(client)
        new_s = time.monotonic() - began
        mend()
        ends = Counter(pool.map(lambda item: _end(client, *item), enumerate(ids)))
        all_s = time.monotonic() - began
        kept = sum(pool.map(lambda item: _is_kept(client, *item), enumerate(sessions)))
    sessions_left = f"{kept} of {SESSIONS} sessions kept"
    back = f"primary after {primary_s:.1f} s, the first 201 {acknowledged_s:.1f} s after that"
    return f"{back}, new cell after {new_s:.1f} s, all ended after {all_s:.1f} s, {dict(ends)}; {sessions_left}"


def _acknowledged(client: Client) -> None:
    """Return when a cell was taken in."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        with suppress(Refused, Unreachable):
            client.submit("1")
            return
        time.sleep(0.1)
    raise AssertionError("no cell was taken in")


def _new_cell(client: Client) -> None:
    """Return when a new cell has run."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        with suppress(Refused, Unreachable):
            assert client.run("6 * 7").text == "42\n"
            return
        time.sleep(0.2)
    raise AssertionError("no new cell ran")


def _end(client: Client, number: int, id: str) -> str:
    result = client.result(id, list(client.follow(id)))
    attempt = client.describe(id)["attempt"]
    right = result.text.endswith(f"{number * number}\n") if result.state == "done" else True
    return f"{result.state}{'' if right else ' WRONG'}, attempt {attempt}"


def _is_kept(client: Client, number: int, session: str) -> bool:
    with suppress(Refused):
        return client.run("n", session=session, keep=True).text == f"{number}\n"
    return False


if __name__ == "__main__":
    main()
