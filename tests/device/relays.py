"""Set up a relay and a host that dials out, as docs/relay.md says, below another directory and at other ports."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import processes
from harness.server import ROOT, free_port
from host.ssh import Door
from settings import Settings
from tests.device.lines import Line
from tests.device.test_connector import open_door, settings_for
from tests.device.test_upgrade import END_S
from tests.device.test_upgrade import Site as Server

RELAY, DIAL = "singlecell-relay", "singlecell-dial"
COMMANDS = ("useradd ", "install ", "cp ", "ssh-keygen ", "chgrp ", "chmod ", "echo ", "touch ", "printf ")
READY_S = 20.0


@dataclass(frozen=True)
class Site:
    """A relay, and one host of it. ``etc``: what is /etc/singlecell by the page; the ports stand for those there.

    ``door``: the sshd of the host; ``port``: what the host's key permits; ``elsewhere``: another host's.
    """

    etc: Path
    door: Door
    hosts_port: int
    device_port: int
    port: int
    elsewhere: int

    @property
    def via(self) -> str:
        """The relay, as the device names it."""
        return f"{RELAY}@127.0.0.1:{self.device_port}"

    @property
    def account(self) -> str:
        """The account on the host, as the device names it."""
        return f"untrusted@cells-1:{self.port} via {self.via}"

    @property
    def known_hosts(self) -> Path:
        """The device's."""
        return self.etc / "known_hosts"

    @property
    def is_dialed(self) -> bool:
        """Whether the host has opened its port."""
        return is_open(self.port)

    @contextmanager
    def run_relay(self) -> Iterator[processes.Process]:
        """Run the relay's sshd; at the end all that were logged in have gone before."""
        argv = [*as_account(RELAY), "/usr/sbin/sshd", "-D", "-e", "-f", str(self.etc / "relay" / "sshd_config")]
        with processes.start(argv, ready=lambda: is_open(self.device_port), deadline_s=READY_S, env={}) as sshd:
            yield sshd
            if sshd.exit_code is None:
                sshd.wait_for(lambda: not sshd.descendants(), "the end of all that were logged in", READY_S)

    def run_dial(self) -> AbstractContextManager[processes.Process]:
        """Run what dials out, until the port is open on the relay."""
        return processes.start(self.dial_argv, ready=lambda: self.is_dialed, deadline_s=READY_S, env=self.dial_env)

    @property
    def dial_argv(self) -> list[str]:
        """The command of singlecell-dial.service."""
        return [*as_account(DIAL), "sh", str(self.etc / "dial" / "dial")]

    @property
    def dial_env(self) -> dict[str, str]:
        """Its environment: the file of settings, and where the files of this test are."""
        lines = (self.etc / "dial" / "settings").read_text().splitlines()
        settings = dict(line.split("=", 1) for line in lines)
        sshd = self.door.account.partition("@")[2]
        return {"PATH": os.environ["PATH"], "KEYS": str(self.etc / "dial"), "SSHD": sshd, **settings}


def as_account(name: str) -> list[str]:
    """Return what runs a command as an account, tied to us."""
    entry = pwd.getpwnam(name)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--no-new-privs",
            "setpriv", "--pdeathsig", "TERM", "--"]  # fmt: skip


def is_open(port: int) -> bool:
    """Return whether something listens at a port of the loopback."""
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


def make_key(file: Path) -> str:
    """Make a key pair; return its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", file.name, "-f", str(file)], check=True)
    return public(file)


def public(file: Path) -> str:
    """Return the public half of a key."""
    return file.with_name(f"{file.name}.pub").read_text().strip()


@contextmanager
def make_site(door: Door) -> Iterator[Site]:
    """Give the commands of the page that do not concern systemd, apt or the door, which there is already."""
    place = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))
    place.chmod(0o755)
    etc = place / "etc" / "singlecell"
    etc.mkdir(parents=True)
    site = Site(etc, door, *(free_port() for _ in range(4)))
    host_key = " ".join(door.known_hosts_file.read_text().split()[1:])
    known = {"DEVICE_KEY": public(door.key_file), "HOST_KEY": host_key}
    page = (ROOT / "docs" / "relay.md").read_text()
    try:
        for block in re.findall(r"^```\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
            for file, name in (("relay/host_key", "RELAY_KEY"), ("dial/dial_key", "DIAL_KEY")):
                if (etc / f"{file}.pub").exists():
                    known[name] = public(etc / file)
            give(block, site, known)
        move(etc / "relay" / "sshd_config", site)
        yield site
    finally:
        shutil.rmtree(place)


def give(block: str, site: Site, known: dict[str, str]) -> None:
    """Give the commands of one block of the page."""
    lines = [line for line in block.splitlines() if line.startswith(COMMANDS)]
    lines = [line for line in lines if "/etc/systemd" not in line and "untrusted_keys" not in line]
    lines = [line for line in lines if not (line.startswith("useradd ") and is_account(line.split()[-1]))]
    script = elsewhere("\n".join(["umask 022", *lines]), site)
    subprocess.run(["sh", "-euc", script], check=True, env={"PATH": os.environ["PATH"], **known})


def move(config: Path, site: Site) -> None:
    """Have the relay listen at its ports of this test, on the loopback alone, and read keys below /tmp."""
    text = config.read_text().replace("ListenAddress [::]:2223\n", "").replace("0.0.0.0:2223", "127.0.0.1:2223")
    config.write_text("StrictModes no\n" + elsewhere(text, site))


def elsewhere(text: str, site: Site) -> str:
    """Return a text of the page or of a file with our places, ports and names in place of those there."""
    ours = {
        "/srv/singlecell/": f"{ROOT}/", "/etc/singlecell": str(site.etc), "relay.example.org": "127.0.0.1",
        "22001": str(site.port), "2223": str(site.hosts_port), "2224": str(site.device_port),
    }  # fmt: skip
    return re.sub("|".join(map(re.escape, ours)), lambda found: ours[found.group()], text)


def is_account(name: str) -> bool:
    """Return whether this machine has an account of this name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


# --- for tests ------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def host() -> Iterator[Door]:
    """The sshd of the host, before the account untrusted."""
    with open_door(forward=True) as (door, _sshd):
        yield door


@pytest.fixture(scope="module")
def site(host: Door) -> Iterator[Site]:
    """A relay that runs, and a host that has dialed in."""
    with make_site(host) as site, site.run_relay(), site.run_dial():
        yield site


def reaching(site: Site, account: str = "") -> Settings:
    """Return the settings of a device that reaches an account through the relay."""
    accounts = [account or site.account]
    return settings_for(site.door, untrusted_accounts=accounts, ssh_known_hosts_file=str(site.known_hosts))


def start_device(server: Server, site: Site, line: Line | None = None) -> processes.Process:
    """Start a device of the server that reaches its account through the relay, over this line if there is one."""
    account = site.account
    if line is not None:
        port, ours = str(site.device_port), str(line.port)
        site.known_hosts.write_text(site.known_hosts.read_text().replace(port, ours))
        account = account.replace(port, ours)
    config = Path(server.env["SINGLECELL_CONFIG"])
    changes = {
        "ssh_key_file": str(site.door.key_file), "ssh_known_hosts_file": str(site.known_hosts), "redial_s_max": 2.0,
        "heartbeat_s": 1.0, "heartbeat_timeout_s": 4.0,
    }  # fmt: skip
    kept = [row for row in config.read_text().splitlines() if row.split(" = ")[0] not in changes]
    config.write_text("\n".join([*kept, *(f"{name} = {value!r}" for name, value in changes.items()), ""]))
    server.argv[-1] = account
    return server.start_device()


def end_device(device: processes.Process) -> None:
    """End a device, so that it does not come again to what ends next."""
    device.signal(signal.SIGINT)
    device.wait(END_S)
