"""Measure the kernels of Jupyter's API: the first output, messages through one socket, and what idle sockets cost.

``python -m bench kernels [JUPYTER_SERVER]`` starts a server and, where that program is named, Jupyter's own beside it.
Writes ``kernels.json``.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import requests

from bench.latency import row
from harness.kernel_sockets import KernelClient, printed
from harness.processes import start
from harness.server import free_port, serve

RESULTS = Path(__file__).parent / "results"
STARTS, RATES, MESSAGES, SOCKETS, POLLS = 20, 3, 5000, 5000, 2000
MANY = f"for i in range({MESSAGES}): display({{'text/plain': 'x' * 100}}, raw=True)"
SETTINGS = f"""
web_sockets = {SOCKETS + 200}
web_greenlets = {POLLS * 5}
client_cpu_s_per_hour = 100000.0
"""
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip


def first_output(kernels: KernelClient) -> tuple[float, float]:
    """Start a kernel and run a line; return the seconds until its output, and those of a second line."""
    began = time.perf_counter()
    id = kernels.start()
    with kernels.open(id) as opened:
        opened.finish(opened.send("kernel_info_request", {}))
        assert printed(opened.run("print(6 * 7)")) == "42\n"
        first_s = time.perf_counter() - began
        began = time.perf_counter()
        opened.run("print(6 * 7)")
        second_s = time.perf_counter() - began
    kernels.ask("DELETE", f"/kernels/{id}", 204)
    return first_s, second_s


def messages_per_s(kernels: KernelClient) -> float:
    """Return how many messages a second come through one socket."""
    id = kernels.start()
    with kernels.open(id) as opened:
        opened.run("1")
        began = time.perf_counter()
        opened.run(MANY)
        took_s = time.perf_counter() - began
    kernels.ask("DELETE", f"/kernels/{id}", 204)
    return MESSAGES / took_s


def measured(servers: dict[str, KernelClient]) -> dict[str, dict[str, Any]]:
    """Return the figures that any server has; they are measured by turns, for a machine is not always the same."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    rates: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(STARTS):
        for name, kernels in servers.items():
            times[name].append(first_output(kernels))
    for _ in range(RATES):
        for name, kernels in servers.items():
            rates[name].append(messages_per_s(kernels))
    return {
        name: {
            "start → first output, ms": row([first_s for first_s, _ in times[name]]),
            "the next cell, ms": row([second_s for _, second_s in times[name]]),
            "messages a second": round(median(rates[name])),
        }
        for name in servers
    }


def raw_request(port: int, path: str, *lines: str) -> socket.socket:
    """Make a request and leave its answer alone."""
    opened = socket.create_connection(("127.0.0.1", port), timeout=30)
    opened.sendall("\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode())
    return opened


def memory_kib(pid: int) -> int:
    """Return the memory that a process has for itself."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Private_Clean")))


def web_worker(port: int) -> int:
    """Return the web process that answers at a port: uWSGI's worker."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (directory / "cmdline").read_bytes().split(b"\0")
            if any(word.endswith(f":{port}".encode()) for word in words) and b"--gevent" in words:
                parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
                found.append((int(directory.name), parent))
    pids = {pid for pid, _ in found}
    return next(pid for pid, parent in found if parent in pids and words_of(pid) == words_of(parent))


def words_of(pid: int) -> bytes:
    """Return the command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def poll_kib(url: str, port: int) -> float:
    """Return the memory of a long poll, of as many as may wait."""
    code = {"code": "import time; time.sleep(40)"}
    waits, worker = requests.post(f"{url}/computations", json=code, timeout=30).json()["id"], web_worker(port)
    with ExitStack() as opened:
        before = memory_kib(worker)
        for _ in range(POLLS):
            opened.enter_context(raw_request(port, f"/computations/{waits}/messages?wait=30&after=1"))
        time.sleep(5)
        return round((memory_kib(worker) - before) / POLLS, 1)


def idle_sockets(url: str, port: int) -> dict[str, Any]:
    """Return what idle sockets cost: memory, processor time, and how long others wait beside them."""
    kernels, worker, result = KernelClient(url), web_worker(port), {}
    ids = [kernels.start() for _ in range(50)]
    with ExitStack() as opened:
        before = memory_kib(worker)
        for number in range(SOCKETS):
            path = f"/api/kernels/{ids[number % len(ids)]}/channels?session_id=s{number}"
            one = opened.enter_context(raw_request(port, path, *UPGRADE))
            assert one.recv(4096).startswith(b"HTTP/1.1 101 ")
        result["KiB each"] = round((memory_kib(worker) - before) / SOCKETS, 1)
        ticks = cpu_ticks(worker)
        time.sleep(30)
        result["% of a processor for all"] = round((cpu_ticks(worker) - ticks) / 30, 1)
        result["beside them: start → first output, ms"] = row([first_output(kernels)[0] for _ in range(STARTS)])
    return result


def cpu_ticks(pid: int) -> int:
    """Return the processor time of a process, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@contextmanager
def jupyter_server(program: str) -> Iterator[KernelClient]:
    """Run Jupyter's server until the block ends; yield a client of it."""
    port = free_port()
    with TemporaryDirectory() as home:
        argv = [program, f"--port={port}", "--IdentityProvider.token=bench", "--allow-root", "--no-browser",
                f"--ServerApp.root_dir={home}"]  # fmt: skip
        with start(argv, ready="is running at", deadline_s=60, cwd=Path(home)):
            yield KernelClient(f"http://127.0.0.1:{port}", Authorization="token bench")


def main(arguments: list[str]) -> None:
    """Measure, print and write what was found."""
    figures: dict[str, Any] = {}
    with serve(SETTINGS) as server, ExitStack() as opened:
        servers = {"here": KernelClient(server.url)}
        if arguments:
            servers["jupyter_server"] = opened.enter_context(jupyter_server(arguments[0]))
        figures |= measured(servers)
    with serve(SETTINGS) as server:  # each finds a process that has held nothing yet
        figures[f"{SOCKETS} idle sockets"] = idle_sockets(server.url, server.port)
    with serve(SETTINGS) as server:
        figures[f"{POLLS} long polls, KiB each"] = poll_kib(server.url, server.port)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "kernels.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False))
    print(json.dumps(figures, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1:])
