"""The parts of a server: what each one runs, and as whom."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from host.cgroups import Groups
from host.place import MONGO, Account, Place
from host.ssh import Door
from settings import Settings

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LISTEN_QUEUE = 1024
# Header and address of one request, in bytes; uWSGI's own limit is 65535. A cell's code may stand in the address.
REQUEST_HEAD_BYTES = 65535


@dataclass(frozen=True)
class Part:
    """One process to keep: a shell command and its environment.

    ``early`` ones are stopped first; ``log`` is where the program speaks when it does not speak to us.
    """

    name: str
    command: str
    environment: dict[str, str]
    directory: Path
    early: bool = False
    log: Path | None = None


def make_parts(place: Place, settings: Settings, door: Door | None, groups: Groups) -> list[Part]:
    """Return the parts in the order of their start; all are started at once and wait for each other."""
    environment = {
        "PATH": f"{place.prefix}/trusted/bin:{PATH}",
        "HOME": str(place.data),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "SINGLECELL_CONFIG": str(place.config),
    }
    parts = []
    if not settings.mongo_uri:
        mongo = place.data / MONGO
        argv = [str(place.python), "-m", "store.embedded", str(mongo)]
        parts.append(Part("mongod", place.trusted.command(argv), environment, place.app, log=mongo / "mongod.log"))
    if door:
        command = Account.ours().command(door.argv)
        if groups.entrance:
            command = f"echo $$ > {shlex.quote(str(groups.entrance / 'cgroup.procs'))} && {command}"
        parts.append(Part("sshd", command, {"PATH": PATH, "LANG": "C.UTF-8"}, Path("/")))
    parts.append(Part("web", place.trusted.command(_web(place, settings)), environment, place.app, early=True))
    parts.append(Part("device", place.trusted.command(_device(place, settings)), environment, place.app, early=True))
    return parts


def _web(place: Place, settings: Settings) -> list[str]:
    argv = [str(place.uwsgi), "--http-socket", f"{settings.http_host}:{settings.http_port}"]
    argv += ["--gevent", str(settings.web_greenlets), "--gevent-early-monkey-patch"]
    argv += ["--wsgi", "web_server:app", "--need-app", "--single-interpreter"]
    argv += ["--processes", str(settings.web_processes)]
    argv += ["--master", "--die-on-term", "--no-orphans", "--worker-reload-mercy", "1"]
    argv += ["--buffer-size", str(REQUEST_HEAD_BYTES), "--listen", str(min(LISTEN_QUEUE, _longest_queue()))]
    # uWSGI closes after each answer; a client that is not told sends its next request into the closed connection.
    argv += ["--add-header", "Connection: close"]
    # A browser that leaves during a long poll is no news.
    argv += ["--disable-logging", "--ignore-sigpipe", "--ignore-write-errors"]
    return argv


def _device(place: Place, settings: Settings) -> list[str]:
    argv = [str(place.python), "trusted_db.py", "-w", str(settings.workers)]
    for account in settings.untrusted_accounts:
        argv += ["--untrusted-account", account]
    return argv


def _longest_queue() -> int:
    # uWSGI refuses to start with a longer queue than the kernel allows.
    return int(Path("/proc/sys/net/core/somaxconn").read_text())
