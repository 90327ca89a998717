"""Describe the services of one server: what each of them runs, and as which account."""

from __future__ import annotations

import os
import resource
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from host import libraries, pinned
from host.cgroups import Groups
from host.layout import CHECKOUT, MONGO, Account, Layout
from host.obstacles import check_disk, check_port
from host.ssh import Door
from settings import Settings

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LISTEN_QUEUE = 1024
# Header and address of one request, in bytes; uWSGI's own limit is 65535. A cell's code may stand in the address.
REQUEST_HEAD_BYTES = 65535
OTHER_DESCRIPTORS = 1024  # connections to the database, uploads on their way, files that are sent


@dataclass(frozen=True)
class Service:
    """One process of a server: a shell command, its environment and its directory.

    ``early``: it is asked to end before the others; ``is_job``: it ends when its work is done, and the others go on;
    ``log``: the file of a program that writes a log of its own; ``needs``: the services that are started before it when
    it is started again; ``check``: raises HostError when something keeps it from running.
    """

    name: str
    command: str
    environment: dict[str, str]
    directory: Path
    early: bool = False
    is_job: bool = False
    log: Path | None = None
    needs: tuple[str, ...] = ()
    check: Callable[[], None] = lambda: None


def make_services(layout: Layout, settings: Settings, door: Door | None, groups: Groups) -> list[Service]:
    """Return the services in the order of their start; all are started at once and wait for each other."""
    environment = {
        "PATH": f"{layout.prefix}/trusted/bin:{PATH}",
        "HOME": str(layout.data),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "SINGLECELL_CONFIG": str(layout.config),
    }
    services = []
    if not settings.mongo_uri:
        mongo = layout.data / MONGO
        argv = [str(layout.python), "-m", "store.embedded", str(mongo)]
        command = layout.trusted.command(argv)
        check = partial(check_disk, layout.data)
        services.append(Service("mongod", command, environment, layout.app, log=mongo / "mongod.log", check=check))
    if door:
        command = Account.ours().command(door.argv)
        if groups.entrance:
            command = f"echo $$ > {shlex.quote(str(groups.entrance / 'cgroup.procs'))} && {command}"
        services.append(Service("sshd", command, {"PATH": PATH, "LANG": "C.UTF-8"}, Path("/")))
    web = layout.trusted.command(web_command(layout.uwsgi, settings))
    device = layout.trusted.command(_device(layout, settings))
    check = partial(check_port, settings.http_host, settings.http_port)
    services.append(Service("web", web, environment, layout.app, early=True, needs=("mongod",), check=check))
    services.append(Service("device", device, environment, layout.app, early=True, needs=("mongod", "sshd")))
    if settings.publish_events:
        command = layout.trusted.command([str(layout.python), "-m", "device.events"])
        services.append(Service("events", command, environment, layout.app, early=True, needs=("mongod",)))
    if libraries.find_missing(layout.prefix) or pinned.find_missing(layout.prefix):
        # It writes beside the environments, so it runs as we do; our environment may say where pip and npm fetch.
        command = Account.ours().command([str(layout.python), "-m", "host.libraries"])
        services.append(Service("libraries", command, dict(os.environ), CHECKOUT, early=True, is_job=True))
    return services


def web_command(uwsgi: Path, settings: Settings) -> list[str]:
    """Return what runs the web service: uWSGI, alone before the browsers."""
    argv = [str(uwsgi), "--http-socket", f"{settings.http_host}:{settings.http_port}"]
    greenlets = settings.web_greenlets + settings.web_sockets
    argv += ["--gevent", str(greenlets), "--gevent-early-monkey-patch"]
    # Of one that neither sends nor reads; web/connections.py says how long a slow one may take.
    argv += ["--socket-timeout", "30", "--max-fd", str(_descriptors(greenlets))]
    argv += ["--wsgi", "web_server:app", "--need-app", "--single-interpreter"]
    argv += ["--processes", str(settings.web_processes)]
    argv += ["--master", "--die-on-term", "--no-orphans", "--worker-reload-mercy", "1"]
    # What SIGHUP starts anew in its place: by itself it would take the system's Python, without our packages.
    argv += ["--binary-path", str(uwsgi.with_name("python"))]
    argv += ["--buffer-size", str(REQUEST_HEAD_BYTES), "--listen", str(min(LISTEN_QUEUE, _longest_queue()))]
    # uWSGI closes after each answer; a client that is not told sends its next request into the closed connection.
    argv += ["--add-header", "Connection: close"]
    # A browser that leaves during a long poll is no news.
    argv += ["--disable-logging", "--ignore-sigpipe", "--ignore-write-errors"]
    return argv


def _device(layout: Layout, settings: Settings) -> list[str]:
    argv = [str(layout.python), "trusted_db.py", "--end-if-refused", "-w", str(settings.workers)]
    for account in settings.untrusted_accounts:
        argv += ["--untrusted-account", account]
    return argv


def _descriptors(greenlets: int) -> int:
    # A connection each, and what the process has beside them: never more than the account may have.
    return min(greenlets + OTHER_DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def _longest_queue() -> int:
    # uWSGI refuses to start with a longer queue than the kernel allows.
    return int(Path("/proc/sys/net/core/somaxconn").read_text())
