"""Starts a guest of gVisor for each session in one language, inside the walls that every session has.

The launcher stands where a zygote stands, and obeys the same orders. Nothing can be forked into a guest, so each guest
loads the language anew (``untrusted/worker/gvisor_guest.py``); nobody waits for that while the pool has a ready one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from untrusted.sandbox import SandboxError, die_with_parent, gvisor
from untrusted.sandbox.lockdown import settle
from untrusted.sandbox.plan import HOME, Plan
from untrusted.worker.fork_server import receive_plan, serve

_LOAD = "import sys; sys.path.insert(0, sys.argv.pop(1)); from untrusted.worker.gvisor_guest import {0}; {0}()"
LOG = 2


@dataclass(frozen=True)
class Guest:
    """The start that all guests of a language share. ``caches``: the home in which the language was rehearsed."""

    plan: Plan
    argv: list[str]
    caches: str


def main() -> None:
    """Serve orders on the socket whose number is the first argument, for the language that is the second."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    language_name, code_directory = sys.argv[2], sys.path[0]
    die_with_parent(signal.SIGKILL)
    plan = receive_plan(orders)
    # Once outside of any guest: whether it loads at all, what it is, and for the caches that it leaves behind.
    rehearsal = command("rehearse", code_directory, language_name)
    said = subprocess.run(rehearsal, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
    version, packages = json.loads(said.splitlines()[-1])
    settle(plan)
    guest = Guest(plan, command("main", code_directory, language_name, str(plan.cell_wall_s)), os.environ["HOME"])
    serve(orders, plan, version, packages, partial(launch, guest))


def command(entry: str, code_directory: str, *arguments: str) -> list[str]:
    """Return what starts a function of ``untrusted.worker.gvisor_guest`` in the Python that runs this."""
    return [sys.executable, "-I", "-B", "-c", _LOAD.format(entry), code_directory, *arguments]


def launch(guest: Guest, channel: socket.socket, interrupts: socket.socket) -> None:
    """Serve one session from inside a guest, until that has ended. Raises OSError, SandboxError."""
    copy_caches(guest.caches)
    environment = {**os.environ, "HOME": HOME}
    code = gvisor.run(guest.plan, guest.argv, environment, channel.fileno(), interrupts.fileno(), LOG)
    if code:
        raise SandboxError(f"a guest of gVisor ended with the exit code {code}")


def copy_caches(home: str, entries: Sequence[str] = (".cache", ".config")) -> None:
    """Put what loading the language left in its home into the session's: a list of fonts takes seconds to make."""
    for name in entries:
        if os.path.isdir(f"{home}/{name}"):
            shutil.copytree(f"{home}/{name}", f"{HOME}/{name}", dirs_exist_ok=True)
