"""Run a whole server as ``make run`` starts it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.processes import Process, start, wait_for

ROOT = Path(__file__).resolve().parent.parent
# The environments are there: deploy/bootstrap.sh built them before.
START_S = 100.0
# Above those that programs are known by, below the wall's (wall_port_first) and those of outgoing connections.
PORTS = range(10_000, 20_000)
_taken: list[socket.socket] = []


@dataclass(frozen=True)
class Server:
    """A running server. ``data``: its data directory; ``accounts``: whether cells run in a second account."""

    url: str
    port: int
    data: Path
    accounts: bool
    process: Process


@dataclass(frozen=True)
class Site:
    """A port and a data directory for a server that a test starts itself."""

    port: int
    data: Path

    @property
    def argv(self) -> list[str]:
        """What ``make run`` runs."""
        return ["sh", str(ROOT / "deploy" / "bootstrap.sh"), "run"]

    @property
    def env(self) -> dict[str, str]:
        """The environment for it: nothing of the make that may run the tests, and the language that loads quickly."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "ARGS"))}
        return {**ours, "PORT": str(self.port), "DATA": str(self.data), "LANGUAGES": "python"}

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    """Return a port that is free, that the kernel gives to no outgoing connection, and no other program of tests takes.

    A name that only one process can have says that it is taken, for as long as this process lives.
    """
    while True:
        port = secrets.choice(PORTS)
        taken = socket.socket(socket.AF_UNIX)
        with suppress(OSError), socket.socket() as trial:
            taken.bind(f"\0singlecell-tests-port-{port}")
            trial.bind(("127.0.0.1", port))
            _taken.append(taken)
            return port
        taken.close()


def make_site() -> Site:
    """Return a new site. Its data lie where other accounts can reach them, and below a short path (Unix sockets)."""
    data = Path(tempfile.mkdtemp(prefix="cell-", dir="/tmp"))
    data.chmod(0o755)
    return Site(free_port(), data)


@contextmanager
def serve(settings: str, disk_bytes: int | None = None, also: str = "", **environment: str) -> Iterator[Server]:
    """Run a server with these lines of settings until the block ends; nothing of it is left then.

    ``disk_bytes``: its data directory is a disk of this size, in memory, that only the server's processes see; ``also``
    is done before in the same mount namespace.
    """
    site = make_site()
    config = site.data.with_suffix(".config.py")
    config.write_text(settings)
    config.chmod(0o600)
    env = {**site.env, "SINGLECELL_CONFIG": str(config), **environment}
    try:
        argv = site.argv if disk_bytes is None else [*on_small_disk(site.data, disk_bytes, also), *site.argv]
        with start(argv, ready=f"^ready {site.url}$", deadline_s=START_S, env=env, cwd=ROOT) as process:
            # Ready is a server in one language; tests are about all that it serves.
            wait_for(lambda: not any(language["expected"] for language in _languages(site)), START_S)
            data = site.data if disk_bytes is None else seen_by(process.pid, site.data)
            yield Server(site.url, site.port, data, os.geteuid() == 0, process)
    finally:
        shutil.rmtree(site.data, ignore_errors=True)
        config.unlink()


def on_small_disk(directory: Path, disk_bytes: int, also: str = "") -> list[str]:
    """Return what runs a command that finds a disk of its own, of this size, in a directory. Only root can do that.

    ``also``: shell commands that are given before, each with `&&` behind it.
    """
    mount = f'{also}mount -t tmpfs -o size={disk_bytes},mode=0755 tmpfs "$0" && exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, str(directory)]


def seen_by(pid: int, path: Path) -> Path:
    """Return where others find what a process finds at a path."""
    return Path(f"/proc/{pid}/root{path}")


def can_mount() -> bool:
    """Return whether this account can make disks for tests here."""
    tried = subprocess.run([*on_small_disk(Path("/mnt"), 1 << 20), "true"], capture_output=True, check=False)
    return tried.returncode == 0


def _languages(site: Site) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{site.url}/languages", timeout=START_S) as answer:
        found: list[dict[str, Any]] = json.load(answer)["languages"]
    return found
