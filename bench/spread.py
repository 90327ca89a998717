"""Have several devices work for one database: how they share 500 cells, and what it is when one comes or leaves.

``python -m bench.spread [CELLS] [DEVICES…]`` starts a server as ``make run`` does, as root, and beside its device so
many more, each with a supervisor of its own in the untrusted account. Every cell must end right, at its first attempt.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.processes import Process, start
from harness.server import ROOT, Server, serve
from singlecell_client import Client

WORKERS = 4
SETTINGS = f"workers = {WORKERS}\npool_ready = 2\nqueue_length_max = 20000\n"
CODE = "import time\ntime.sleep(0.2)\nprint({0} * {0})"
SENDERS = 8
DEADLINE_S = 600.0


def main() -> None:
    """Print a line for each number of devices, then what came of the one that came and of the one that left."""
    cells = int(sys.argv[1]) if sys.argv[1:] else 500
    counts = [int(text) for text in sys.argv[2:]] or [1, 3, 16]
    with serve(SETTINGS) as server:
        for count in counts:
            with devices(server, count - 1):
                client = Client(server.url)
                began = time.monotonic()
                shares = Counter(finish(client, submit(client, cells)))
                took_s = time.monotonic() - began
            busiest, idlest = max(shares.values()), min(shares.values())
            print(
                f"{count} devices: {cells} cells in {took_s:.1f} s, all right at the first attempt; "
                f"{len(shares)} worked, {idlest} to {busiest} cells each, most ÷ least {busiest / idlest:.2f}",
                flush=True,
            )
        come_and_leave(server, cells)
        print("the report says:", *report(server), sep="\n  ")


def submit(client: Client, cells: int) -> dict[str, int]:
    """Submit cells; return the number of each by its id."""
    with ThreadPoolExecutor(SENDERS) as pool:
        ids = pool.map(lambda number: client.submit(CODE.format(number))["id"], range(cells))
        return {id: number for number, id in enumerate(ids)}


def finish(client: Client, cells: dict[str, int]) -> list[str]:
    """Wait for the cells; return the device of each."""

    def check(item: tuple[str, int]) -> str:
        id, number = item
        messages = list(client.follow(id))
        described = client.describe(id)
        text = client.result(id, messages).text
        assert (described["state"], described["attempt"], text) == ("done", 1, f"{number * number}\n"), described
        return str(described["device"])

    with ThreadPoolExecutor(SENDERS) as pool:
        return list(pool.map(check, cells.items()))


def come_and_leave(server: Server, cells: int) -> None:
    """Start a device while cells wait, and end one in order while they run."""
    client = Client(server.url)
    waiting = submit(client, cells)
    began = time.monotonic()
    with devices(server, 1) as [new]:
        ready_s = time.monotonic() - began
        new.wait_for_line("cell=", DEADLINE_S)
        work_s = time.monotonic() - began
        new.signal(signal.SIGTERM)
        assert new.wait(DEADLINE_S) == 0
        shares = Counter(finish(client, waiting))
    print(f"a device that came was ready after {ready_s:.1f} s and had run a cell after {work_s:.1f} s")
    print(f"it was ended with SIGTERM and had run {min(shares.values())} cells; all ended at their first attempt")


@contextmanager
def devices(server: Server, count: int) -> Iterator[list[Process]]:
    """Run so many more devices as the server's own, and with its settings."""
    own = device_of(server)
    argv = Path(f"/proc/{own}/cmdline").read_bytes().decode().split("\0")[:-1]
    variables = Path(f"/proc/{own}/environ").read_bytes().decode().split("\0")[:-1]
    environment = dict(variable.split("=", 1) for variable in variables)
    account = Path(f"/proc/{own}").stat()
    user = ["setpriv", "--reuid", str(account.st_uid), "--regid", str(account.st_gid), "--clear-groups"]
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            process = start(
                [*user, *argv, "--drain", "60"], ready=": python .* is ready", deadline_s=DEADLINE_S, env=environment,
                cwd=os.readlink(f"/proc/{own}/cwd"),
            )  # fmt: skip
            found.append(stack.enter_context(process))
        yield found


def device_of(server: Server) -> int:
    """Return the process of the server's own device."""
    for pid in server.process.descendants():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"trusted_db.py" in words and b"python" in words[0]:
            return pid
    raise AssertionError("the server has no device")


def report(server: Server) -> list[str]:
    """Return what ``python -m store report --by device`` says."""
    argv = [sys.executable, "-m", "store", "report", "--by", "device", "--format", "json"]
    environment = {**os.environ, "SINGLECELL_CONFIG": str(server.data / "singlecell_config.py")}
    said = subprocess.run(argv, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    rows = json.loads(said)
    return [f"{row['device']}: {row['computations']} computations, {row['conflicts']} conflicts" for row in rows]


if __name__ == "__main__":
    main()
