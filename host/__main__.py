"""Run one whole server on this machine, in the foreground: ``python -m host``, called by ``deploy/bootstrap.sh run``.

Standard output gets one line, ``ready URL``, when a cell has run; everything else goes to standard error.
The environment's PORT and DATA override the settings http_port and data_directory; LANGUAGES names those to serve.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from host import accounts, cgroups, copies, generated, ssh
from host.console import Console
from host.environments import find_old
from host.errors import EXIT_SETTINGS, HostError
from host.layout import CHECKOUT, ROOT_DATA, USER_DATA, Account, Layout, lock_data, make_data
from host.logs import ServiceLog
from host.obstacles import check_port
from host.readiness import Readiness
from host.services import make_services
from host.supervision import ServiceManager
from settings import Settings


def main() -> int:
    """Run one server to its end; return the exit code."""
    os.umask(0o022)
    console = Console()
    try:
        return run(console)
    except HostError as error:
        for sentence in str(error).splitlines():
            console.say(sentence)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def run(console: Console) -> int:
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
        key = ssh.make_device_key(layout)
        console.say(f"the accounts in untrusted_accounts must accept {key}.pub (see docs/running.md)")
    elif not settings.untrusted_accounts:
        console.say("cells run in a sandbox of this account's own; as root they would get an account of theirs")
    try:
        environments = settings.environments_directory or str(layout.prefix)
        found |= {"data_directory": str(layout.data), "environments_directory": environments}
        if settings.keys_required and not settings.operator_key:
            found["operator_key"] = secrets.token_urlsafe(32)  # for the cell that shows that the server is ready
        settings = generated.load(**overrides() | found)
        generated.write(layout.config, settings, layout.trusted)
        for sentence in find_old(settings, Path(environments)):
            console.say(sentence)
        services = make_services(layout, settings, door, groups)
        log = ServiceLog(layout.logs / "server.log", console)
        console.say(f"all that the services say is in {log.path}")
        manager = ServiceManager(services, log, lambda: announce(settings, manager, console, begun))
        return run_to_end(manager)
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


def find_layout(settings: Settings, root: bool) -> Layout:
    """Return where this server lives; as root, with its accounts and the code that they can read. Raises HostError."""
    prefix = Path(sys.prefix).parent
    data = Path(settings.data_directory).absolute() if settings.data_directory else ROOT_DATA if root else USER_DATA
    if not root:
        return Layout(prefix, CHECKOUT, data, Account.ours())
    trusted = accounts.make_trusted()
    return Layout(prefix, copies.copy_app(prefix / "app", trusted), data, trusted)


def announce(settings: Settings, manager: ServiceManager, console: Console, begun: float) -> None:
    """Wait until a cell has run, and say so in the one line of standard output; then tell of the languages to come."""
    host = "127.0.0.1" if settings.http_host == "0.0.0.0" else settings.http_host
    readiness = Readiness(host, settings.http_port, settings.operator_key)
    readiness.wait(console)
    print(f"ready http://{host}:{settings.http_port}", flush=True)
    manager.is_ready()
    readiness.follow(console, begun)


def run_to_end(manager: ServiceManager) -> int:
    """Run all services until they have ended; return the exit code: 0 when a signal asked for the end."""
    manager.run()
    if manager.fault is None:
        return 0
    raise manager.fault


if __name__ == "__main__":
    sys.exit(main())
