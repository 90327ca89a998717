"""After the commands of docs/running.md have been given by hand, each account can read what it should and no more."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from host import accounts

pytestmark = pytest.mark.root
ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMMANDS = ("chgrp ", "chmod ", "install ", "ssh-keygen ", "(echo ", "cp ")
UNITS = [path.name for path in sorted(DEPLOY.glob("*.service"))]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Return a directory with ``srv/singlecell`` and ``etc/singlecell`` as those commands leave them."""
    accounts.make_trusted()
    accounts.make_untrusted()
    with tempfile.TemporaryDirectory(prefix="cell-", dir="/tmp") as directory:
        place = Path(directory)
        place.chmod(0o755)
        install(place)
        yield place


def install(place: Path) -> None:
    """Give the commands of docs/running.md that concern code, settings and keys, below another directory."""
    code = place / "srv" / "singlecell"
    shutil.copytree(DEPLOY, code / "deploy")
    (code / "static").mkdir()
    for file in ("settings.py", "static/embedded_singlecell.js"):
        shutil.copy(ROOT / file, code / file)
    by_hand = (ROOT / "docs/running.md").read_text().partition("\n## By hand\n")[2].partition("\n## ")[0]
    lines = [line.strip() for line in by_hand.splitlines() if line.strip().startswith(COMMANDS)]
    elsewhere = ("/etc/systemd", "/etc/nginx", "/etc/ssh", "/var/")
    ours = [line for line in lines if not any(path in line for path in elsewhere)]
    script = "\n".join(ours).replace("/srv/", f"{place}/srv/").replace("/etc/singlecell", f"{place}/etc/singlecell")
    subprocess.run(["sh", "-euc", f"umask 022; mkdir {place}/etc\n{script}"], check=True)


def reads(file: Path, user: str, group: str, groups: str = "") -> bool:
    """Return whether a process with these accounts can read a file."""
    among = [f"--groups={groups}"] if groups else ["--clear-groups"]
    drop = ["setpriv", f"--reuid={user}", f"--regid={group}", *among, "--"]
    return subprocess.run([*drop, "cat", str(file)], capture_output=True, check=False, cwd="/").returncode == 0


def unit(name: str) -> configparser.SectionProxy:
    """Return the section [Service] of a unit of systemd."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / name)
    return parser["Service"]


@pytest.mark.parametrize("name", [name for name in UNITS if "User" in unit(name)])
def test_each_service_can_read_its_code_and_its_settings(place, name):
    service = unit(name)
    identity = service["User"], service["Group"], service.get("SupplementaryGroups", "")
    assert reads(place / "srv/singlecell/settings.py", *identity)
    assert reads(place / "etc/singlecell/singlecell_config.py", *identity)
    assert reads(place / "etc/singlecell/device_key", *identity)


@pytest.mark.parametrize("who", ["untrusted", "www-data"])
def test_strangers_code_and_nginx_read_neither_code_nor_secrets(place, who):
    assert not reads(place / "srv/singlecell/settings.py", who, who)
    assert not reads(place / "etc/singlecell/singlecell_config.py", who, who)
    assert not reads(place / "etc/singlecell/device_key", who, who)
    assert reads(place / "srv/singlecell/static/embedded_singlecell.js", who, who)


def test_sshd_takes_its_file_and_can_read_the_key_that_it_accepts(place):
    etc = place / "etc/singlecell"
    # sshd reads it as the account that comes in.
    assert reads(etc / "untrusted_keys", "untrusted", "untrusted")
    host_key = place / "host_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host_key)], check=True)
    config = (etc / "sshd_config").read_text()
    assert "HostKey /etc/ssh/ssh_host_ed25519_key" in config and "/etc/singlecell/untrusted_keys" in config
    (etc / "sshd_config").write_text(config.replace("/etc/ssh/ssh_host_ed25519_key", str(host_key)))
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    tried = subprocess.run(["/usr/sbin/sshd", "-t", "-f", str(etc / "sshd_config")], capture_output=True, check=False)
    assert (tried.returncode, tried.stderr) == (0, b"")
