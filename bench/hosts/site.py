"""Sets up web part and database, devices and hosts for cells, as docs/running.md says, each on a host of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

import settings as settings_file
import store as stores
from bench.chaos.faults import set_clock
from bench.hosts.machines import CODE, ENVIRONMENTS, Host, Network
from bench.hosts.pages import MORE, STEP, Unit, give
from harness.processes import Process, wait_for
from harness.server import ROOT
from host.services import web_command
from store.embedded import mongod_program

START_S = 120.0
CENTRE = "centre"  # web part and database
WEB_PORT, MONGO_PORT, SSH_PORT = 5000, 27017, 2222
MONGO_URI = f"mongodb://{CENTRE}:{MONGO_PORT}/?replicaSet=rs0"
CONFIG = "/etc/singlecell/singlecell_config.py"
CACHE_GB = 0.25
PRELOAD, CLOCK = "/etc/clock.so", "/etc/clock"
SETTINGS = {"mongo_uri": MONGO_URI, "http_host": "0.0.0.0", "http_port": WEB_PORT}


class Site:
    """The hosts and what runs on them. ``more``: settings that all programs have beside the address of the database."""

    def __init__(self, more: Mapping[str, Any]) -> None:
        self._settings = {**SETTINGS, "languages": _python_alone(), **more}
        self.network = Network()
        self.devices: dict[str, Process] = {}
        self._doors: dict[str, Process] = {}
        self.url = f"http://{CENTRE}:{WEB_PORT}"
        self._run_centre()
        self.store = stores.connect(settings_file.load(**self._settings))

    # --- web part and database -----------------------------------------------------------------------------------
    def _run_centre(self) -> None:
        host = self.network.add(CENTRE)
        host.sh("install -d -o singlecell -g singlecell -m 0700 /var/lib/mongodb; install -d -m 0755 /etc/singlecell")
        argv = [
            mongod_program(), "--replSet", "rs0", "--bind_ip", f"localhost,{CENTRE}", "--port", str(MONGO_PORT),
            "--dbpath", "/var/lib/mongodb", "--nounixsocket", "--wiredTigerCacheSizeGB", str(CACHE_GB),
            "--oplogSize", "128", "--setParameter", "diagnosticDataCollectionEnabled=false",
        ]  # fmt: skip
        self.database = host.start(["setpriv", "--reuid=singlecell", "--regid=singlecell", "--clear-groups", *argv], {})
        self.database.wait_for(_initiated, "a primary", START_S)
        self._configure(host, "w")
        settings = settings_file.load(**self._settings)
        web = web_command(ENVIRONMENTS / "trusted" / "bin" / "uwsgi", settings)
        self.web = host.start(
            ["setpriv", "--reuid=singlecell", "--regid=singlecell", "--clear-groups", *web],
            {settings_file.ENVIRONMENT_NAME: CONFIG}, str(CODE),
        )  # fmt: skip
        self.web.wait_for_line("WSGI app 0 .* ready", START_S)

    def _configure(self, host: Host, mode: str) -> None:
        """Write the settings that the site has beside those of the page."""
        with open(host.seen(CONFIG), mode) as file:
            file.writelines(f"{name} = {value!r}\n" for name, value in self._settings.items())
        host.sh(f"chgrp singlecell {CONFIG}; chmod 0640 {CONFIG}")

    # --- devices -------------------------------------------------------------------------------------------------
    def add_device_host(self, name: str, clock_by_s: int = 0) -> Host:
        """Make a host for devices, with a key of its own."""
        host = self.network.add(name)
        set_host_clock(host, clock_by_s)
        give(host, STEP, "ssh-keygen -q")
        page = {
            "ssh_key_file": "/etc/singlecell/device_key", "ssh_known_hosts_file": "/etc/singlecell/known_hosts",
            "untrusted_python": "/opt/singlecell/untrusted/bin/python", "data_directory": "/var/lib/singlecell",
        }  # fmt: skip
        host.seen(CONFIG).write_text("".join(f"{key} = {value!r}\n" for key, value in page.items()))
        self._configure(host, "a")
        return host

    def start_device(self, name: str, on: str, accounts: Sequence[str], workers: int) -> None:
        """Start a device on a host, for accounts on these hosts, and return at once."""
        host = self.network.hosts[on]
        for account in accounts:
            key = self.network.hosts[account].seen("/etc/ssh/ssh_host_ed25519_key.pub").read_text()
            give(host, MORE, "HOST_KEY", changes={"cells-1": account}, HOST_KEY=" ".join(key.split()[:2]))
        unit = host.seen("/etc/systemd/system") / f"singlecell-{accounts[0]}.service"
        text, first = unit.read_text(), f"untrusted@{accounts[0]}:{SSH_PORT}"
        flags = " --untrusted-account ".join(f"untrusted@{account}:{SSH_PORT}" for account in accounts)
        assert first in text and "-w 50" in text
        text = text.replace(first, flags).replace("-w 50", f"-w {workers}")
        self.devices[name] = Unit.read(text).start(host)

    def wait_until_ready(self, devices: int, accounts: int) -> None:
        """Wait until so many devices run cells in so many accounts."""
        wait_for(lambda: self._ready() >= (devices, accounts), START_S)

    def _ready(self) -> tuple[int, int]:
        for name, device in self.devices.items():
            assert device.exit_code is None, f"{name} has ended\n{device.tail()}"
        alive = self.store.devices.alive()
        return len(alive), sum(account["state"] == "ready" for one in alive for account in one["accounts"])

    def end_device(self, name: str) -> int:
        """End a device in order; return its exit code."""
        device = self.devices.pop(name)
        device.signal(signal.SIGTERM)
        return device.wait(START_S)

    # --- hosts for cells -----------------------------------------------------------------------------------------
    def add_cells_host(self, name: str, of: Sequence[str], clock_by_s: int = 0) -> Host:
        """Make a host where cells run, and let the devices of these hosts in."""
        host = self.network.add(name)
        set_host_clock(host, clock_by_s)
        host.sh("ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key")
        for index, one in enumerate(of):
            key = self.network.hosts[one].seen("/etc/singlecell/device_key.pub").read_text().strip()
            if index == 0:
                give(host, MORE, "untrusted_keys", DEVICE_KEY=key)
            else:
                host.sh('echo "restrict $DEVICE_KEY" >>/etc/singlecell/untrusted_keys', DEVICE_KEY=key)
        self._doors[name] = host.start(["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/singlecell/sshd_config"], {})
        self._doors[name].wait_for_line("Server listening", START_S)
        return host


def _python_alone() -> dict[str, None]:
    return {name: None for name in settings_file.load().languages if name != "python"}


def _initiated() -> bool:
    address = f"mongodb://{CENTRE}:{MONGO_PORT}/?directConnection=true"
    with suppress(PyMongoError), MongoClient[dict[str, Any]](address, serverSelectionTimeoutMS=1000) as client:
        if client.admin.command("hello").get("isWritablePrimary"):
            return True
        members = [{"_id": 0, "host": f"{CENTRE}:{MONGO_PORT}"}]
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
    return False


def set_host_clock(host: Host, by_s: int) -> None:
    """Let the clock of all programs of a host be off, where there is a C compiler. Time namespaces cannot do that."""
    if not by_s or shutil.which("cc") is None:
        return
    source = ROOT / "bench" / "chaos" / "clock.c"
    library = Path(f"/tmp/clock-{host.name}.so")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", f'-DCLOCK_FILE="{CLOCK}"', "-o", library, source, "-ldl"], check=True
    )
    shutil.copy(library, host.seen(PRELOAD))
    set_clock(host.seen(CLOCK), by_s)
    host.sh(f"chmod 0644 {CLOCK}; echo {PRELOAD} >/etc/ld.so.preload")
