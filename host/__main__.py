"""Run one whole server on this machine, in the foreground: ``python -m host``, called by ``deploy/bootstrap.sh run``.

Standard output gets one line, ``ready URL``, when a cell has run; everything else goes to standard error.
The environment's PORT and DATA override the settings http_port and data_directory; LANGUAGES names those to serve.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
from pathlib import Path
from typing import Any

from host import accounts, cgroups, copies, generated, ssh
from host.environments import find_old
from host.errors import EXIT_PORT, EXIT_SERVICE_DIED, EXIT_SETTINGS, HostError
from host.layout import CHECKOUT, ROOT_DATA, USER_DATA, Account, Layout, lock_data, make_data
from host.logs import ServiceLog
from host.readiness import Readiness
from host.services import make_services
from host.supervision import ServiceManager
from settings import Settings

FULL_MIB = 64  # with less MongoDB cannot work


def main() -> int:
    """Run one server to its end; return the exit code."""
    os.umask(0o022)
    try:
        return run()
    except HostError as error:
        for sentence in str(error).splitlines():
            say(sentence)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def run() -> int:
    """Prepare and run all services; return the exit code. Raises HostError."""
    begun = time.monotonic()
    if len(sys.argv) > 1:
        raise HostError("make run takes no arguments; PORT= and DATA= override, the rest are settings", EXIT_SETTINGS)
    settings = generated.load(**overrides())
    check_port(settings.http_host, settings.http_port)
    root = os.geteuid() == 0
    layout = find_layout(settings, root)
    make_data(layout.data, layout.trusted)
    lock = lock_data(layout.data)
    door, groups = None, cgroups.NONE
    found: dict[str, Any] = {}
    if root and not settings.untrusted_accounts:
        untrusted = accounts.make_untrusted()
        door, groups = ssh.make_door(layout, forward=settings.wall_transport == "ssh"), cgroups.make_groups(untrusted)
        found = {
            "untrusted_accounts": [door.account],
            "ssh_key_file": str(door.key_file),
            "ssh_known_hosts_file": str(door.known_hosts_file),
            "cgroup_directory": settings.cgroup_directory or groups.setting,
        }
    elif settings.untrusted_accounts and not settings.ssh_key_file:
        say(f"the accounts in untrusted_accounts must accept {ssh.make_device_key(layout)}.pub (see docs/running.md)")
    elif not settings.untrusted_accounts:
        say("cells run in a sandbox of this account's own; as root they would get an account of theirs")
    try:
        environments = settings.environments_directory or str(layout.prefix)
        found |= {"data_directory": str(layout.data), "environments_directory": environments}
        if settings.keys_required and not settings.operator_key:
            found["operator_key"] = secrets.token_urlsafe(32)  # for the cell that shows that the server is ready
        settings = generated.load(**overrides() | found)
        generated.write(layout.config, settings, layout.trusted)
        for sentence in find_old(settings, Path(environments)):
            say(sentence)
        services = make_services(layout, settings, door, groups)
        log = ServiceLog(layout.logs / "server.log")
        return run_to_end(ServiceManager(services, log, lambda: announce(settings, begun)), layout.data)
    finally:
        groups.remove()
        os.close(lock)


def overrides() -> dict[str, Any]:
    """Return the settings that the environment overrides. Raises HostError."""
    changed: dict[str, Any] = {}
    if port := os.environ.get("PORT"):
        if not port.isdecimal():
            raise HostError(f"PORT is {port!r}; it must be a number, as in: make run PORT=5001", EXIT_SETTINGS)
        changed["http_port"] = int(port)
    if data := os.environ.get("DATA"):
        changed["data_directory"] = data
    if languages := os.environ.get("LANGUAGES"):
        changed["languages"] = leave_out(languages)
    return changed


def leave_out(languages: str) -> dict[str, None]:
    """Return what leaves only these languages in the settings; commas between them. Raises HostError."""
    known = generated.load().languages
    chosen = {name.strip() for name in languages.split(",")} - {""}
    unknown = sorted(chosen - known.keys())
    if unknown or not chosen:
        what = f"names {unknown[0]!r}" if unknown else "names no language"
        raise HostError(f"LANGUAGES {what}; there are {', '.join(known)}", EXIT_SETTINGS)
    alone = [name for name in sorted(chosen) if known[name]["through"] not in ("", *chosen)]
    if alone:
        needed = known[alone[0]]["through"]
        raise HostError(f"LANGUAGES names {alone[0]!r}, which runs through {needed!r}; name both", EXIT_SETTINGS)
    return dict.fromkeys(known.keys() - chosen)


def check_port(host: str, port: int) -> None:
    """Find out now whether the web service will get its port. Raises HostError."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise HostError(
                f"cannot listen on {host}, port {port} ({error.strerror}); stop what uses it, or choose another: "
                "make run PORT=5001",
                EXIT_PORT,
            ) from error


def find_layout(settings: Settings, root: bool) -> Layout:
    """Return where this server lives; as root, with its accounts and the code that they can read. Raises HostError."""
    prefix = Path(sys.prefix).parent
    data = Path(settings.data_directory).absolute() if settings.data_directory else ROOT_DATA if root else USER_DATA
    if not root:
        return Layout(prefix, CHECKOUT, data, Account.ours())
    trusted = accounts.make_trusted()
    return Layout(prefix, copies.copy_app(prefix / "app", trusted), data, trusted)


def announce(settings: Settings, begun: float) -> None:
    """Wait until a cell has run, and say so in the one line of standard output; then tell of the languages to come."""
    host = "127.0.0.1" if settings.http_host == "0.0.0.0" else settings.http_host
    readiness = Readiness(host, settings.http_port, settings.operator_key)
    readiness.wait(say)
    print(f"ready http://{host}:{settings.http_port}", flush=True)
    readiness.follow(say, begun)


def run_to_end(manager: ServiceManager, data: Path) -> int:
    """Run all services until they have ended; return the exit code: 0 when a signal asked for the end."""
    manager.run()
    if manager.died is None:
        return 0
    say(f"the service {manager.died} ended by itself, so all others were stopped; it said last:")
    for line in manager.last_words():
        print(f"  {line}", file=sys.stderr)
    disk = os.statvfs(data)
    if (free_mib := disk.f_bavail * disk.f_frsize >> 20) < FULL_MIB:
        say(f"the disk of {data} is full: {free_mib} MiB are free; make room there, then start again")
    return EXIT_SERVICE_DIED


def say(sentence: str) -> None:
    """Tell the operator."""
    print(f"singlecell: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
