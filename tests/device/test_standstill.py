"""A MongoDB that answers but puts nothing onto the disk any more is killed, and started again by whoever runs it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from harness.processes import wait_for
from harness.server import Server, serve

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000  # to wait for threads, too
ENDS_S = 60.0
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def mongod(server: Server) -> int:
    """Return the pid of a server's MongoDB."""
    return int((server.data / "mongo/database/mongod.lock").read_text())


def ptrace(request: int, thread: int) -> None:
    """Ask the kernel about a thread of another process. Raises OSError."""
    if _libc.ptrace(request, thread, None, None) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of {thread}")


@contextmanager
def held(pid: int, name: str) -> Iterator[int]:
    """Stop one thread of a process in the block, as long as the process lives; yield its id."""
    (thread,) = (int(one.name) for one in Path(f"/proc/{pid}/task").iterdir()
                 if (one / "comm").read_text().strip() == name)  # fmt: skip
    ptrace(PTRACE_SEIZE, thread)
    ptrace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, WALL)
    try:
        yield thread
    finally:
        with suppress(OSError):
            ptrace(PTRACE_DETACH, thread)


def run(url: str) -> str:
    """Run a cell as pages do, sent again under its key until it is acknowledged; return what it printed."""
    query = "wait=30&idempotency_key=one"

    def ended() -> str:
        with suppress(requests.RequestException):
            answer = requests.post(f"{url}/computations?{query}", json={"code": "print(6 * 7)"}, timeout=40)
            if answer.status_code == 201 and answer.json()["state"] == "done":
                texts = [one["content"].get("text") for one in answer.json()["messages"]]
                return "".join(filter(None, texts))
        return ""

    return wait_for(ended, ENDS_S)


def test_a_mongod_that_puts_nothing_onto_the_disk_any_more_is_killed_and_comes_back() -> None:
    with serve("mongo_timeout_s = 1.0\n", LANGUAGES="python") as server, ThreadPoolExecutor(1) as visitor:
        first = mongod(server)
        with held(first, "JournalFlusher") as thread:
            printed = visitor.submit(run, server.url)
            # A traced thread that has died is there until its tracer has heard of it, and its process with it.
            wait_for(lambda: os.waitpid(thread, WALL | os.WNOHANG)[0], ENDS_S)
        assert printed.result() == "42\n"
        assert mongod(server) != first and "is killed; it is to be started again" in server.process.log
