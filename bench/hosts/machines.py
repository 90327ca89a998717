"""Makes hosts of namespaces: each has its network, its names, and an /etc, /run, /tmp and /var of its own.

All of them are in namespaces of this program's own, also of processes: whatever happens to it, nothing of them is left.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.hosts.switch import MTU_BYTES, TUN, mac
from harness.processes import Process, tied
from harness.server import ROOT
from host.copies import FILES, ROOMS

INSIDE = "SINGLECELL_BENCH_HOSTS"
VISITORS = 254  # the number of this program's own namespace
CODE = Path("/srv/singlecell")  # of the pages
ENVIRONMENTS = Path("/opt/singlecell")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UNSHARE = ["unshare", "--net", "--mount", "--propagation", "private"]
# Of a host: directories that others write, too, begin as what all see; the others begin empty.
OWN = """
set -e
ip link set lo up
mount -t tmpfs tmpfs /mnt
for path in etc var/lib; do
    mkdir -p /mnt/$path/upper /mnt/$path/work
    mount -t overlay -o lowerdir=/$path,upperdir=/mnt/$path/upper,workdir=/mnt/$path/work overlay /$path
done
for path in run tmp; do mount -t tmpfs -o mode=1777 tmpfs /$path; done
rm -rf /var/lib/singlecell /var/lib/singlecell-untrusted /etc/singlecell /etc/ssh/ssh_host_*
mkdir -p /run/sshd /etc/systemd/system
echo made
exec cat
"""
WITHOUT_IPV6 = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null || true"


def why_not() -> str:
    """Return why no such hosts can be made here; empty when they can."""
    if os.geteuid():
        return "hosts are made of namespaces, which takes root"
    if not (ENVIRONMENTS / "trusted" / "bin" / "uwsgi").exists():
        return f"`make run` as root has not built {ENVIRONMENTS} yet"
    missing = [name for name in ("ip", "unshare", "nsenter", "sshd") if shutil.which(name, path=PATH) is None]
    if missing:
        return f"there is no {missing[0]} here"
    if not os.access(TUN, os.R_OK | os.W_OK):
        return f"{TUN} cannot be opened"
    trial = (
        "mount -t tmpfs tmpfs /mnt && mkdir /mnt/a /mnt/b && "
        "mount -t overlay -o lowerdir=/etc,upperdir=/mnt/a,workdir=/mnt/b overlay /etc && ip tuntap add trial mode tap"
    )
    tried = subprocess.run([*_apart(), "sh", "-c", trial], capture_output=True, text=True, check=False)
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


def _apart() -> list[str]:
    return [*UNSHARE, "--pid", "--fork", "--kill-child", "--mount-proc"]


def run_apart(module: str, arguments: list[str]) -> int:
    """Run a module of this program in new namespaces, which end with it; return its exit code."""
    # unshare hears no SIGTERM, which ``tied`` would send.
    argv = ["setpriv", "--pdeathsig", "KILL", "--", *_apart(), sys.executable, "-m", module, *arguments]
    return subprocess.run(argv, env={**os.environ, INSIDE: "1"}, cwd=ROOT, check=False).returncode


def is_apart() -> bool:
    """Return whether this program runs in namespaces of its own."""
    return bool(os.environ.get(INSIDE))


class Network:
    """The hosts of this program, and the switch that joins them. ``hosts``: by name."""

    def __init__(self) -> None:
        # A copy, for overlays lie on one another twice at most, and a host's and perhaps the machine's own do.
        self._sh("mount -t tmpfs tmpfs /mnt && cp -a /etc/. /mnt && mount --move /mnt /etc")
        self._sh(
            "mount -t tmpfs tmpfs /mnt && mkdir /mnt/a /mnt/b && "
            "mount -t overlay -o lowerdir=/srv,upperdir=/mnt/a,workdir=/mnt/b overlay /srv"
        )
        self._sh("mount -t tmpfs -o mode=1777 tmpfs /tmp; ip link set lo up")
        _copy_code()
        self._names = Path("/etc/hosts")
        self.hosts: dict[str, Host] = {}
        self._switch = subprocess.Popen(
            tied([sys.executable, "-m", "bench.hosts.switch"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._tap(VISITORS, "visitors")
        self._sh(_up("visitors", VISITORS))

    @staticmethod
    def _sh(command: str) -> None:
        subprocess.run(["sh", "-ec", command], check=True)

    def _order(self, **order: Any) -> None:
        assert self._switch.stdin and self._switch.stdout
        self._switch.stdin.write(json.dumps(order) + "\n")
        self._switch.stdin.flush()
        assert self._switch.stdout.readline() == "done\n", "the switch has ended"

    def _tap(self, number: int, name: str) -> None:
        self._order(tap=number, name=name)

    def add(self, name: str) -> Host:
        """Make a host, which all others know by its name from then on."""
        number = len(self.hosts) + 1
        host = self.hosts[name] = Host(name, number)
        self._tap(number, name)
        self._sh(f"ip link set {name} netns {host.pid}")
        host.sh(_up(name, number))
        for one in (self._names, *(other.seen("/etc/hosts") for other in self.hosts.values())):
            known = one.read_text()
            one.write_text(known + "".join(f"10.77.0.{other.number} {other.name}\n" for other in self.hosts.values()
                                           if f" {other.name}\n" not in known))  # fmt: skip
        return host

    def change(self, one: str, other: str, delay_s: float = 0.0, loss: float = 0.0) -> None:
        """Have the way between two hosts be so, for both: 1 of ``loss`` cuts them off without a word to either."""
        between = [self.hosts[name].number for name in (one, other)]
        self._order(between=between, delay_s=delay_s, loss=loss)


class Host:
    """A host: a process whose namespaces are its network and its file systems."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.number = name, number
        self._holder = subprocess.Popen(
            tied([*UNSHARE, "sh", "-c", OWN]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout
        assert self._holder.stdout.readline() == "made\n", f"no host {name}"
        self.pid = self._holder.pid

    @property
    def _enter(self) -> list[str]:
        return ["nsenter", "--target", str(self.pid), "--net", "--mount", "--"]

    def sh(self, script: str, **environment: str) -> None:
        """Run a script on it as root; fail with what it said."""
        argv = [*self._enter, "sh", "-euc", script]
        env = {"PATH": PATH, **environment}
        said = subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, check=False)
        assert said.returncode == 0, f"{self.name}: {script}\n{said.stdout}{said.stderr}"

    def start(self, argv: list[str], env: Mapping[str, str], cwd: str = "/") -> Process:
        """Start a program on it."""
        return Process([*self._enter, "env", "--chdir", cwd, *argv], {"PATH": PATH, **env}, "/")

    def seen(self, path: str) -> Path:
        """Return where this program sees what the host has at a path."""
        return Path(f"/proc/{self.pid}/root{path}")


def _up(name: str, number: int) -> str:
    return (
        f"{WITHOUT_IPV6}; ip link set {name} address {mac(number)} mtu {MTU_BYTES}; "
        f"ip addr add 10.77.0.{number}/24 dev {name}; ip link set {name} up"
    )


def _copy_code() -> None:
    """Put the code where the pages say that it is, on all hosts."""
    CODE.mkdir()
    ignore = shutil.ignore_patterns("__pycache__")
    for name in FILES:
        shutil.copyfile(ROOT / name, CODE / name)
    for name in (*ROOMS, "deploy", "host"):
        shutil.copytree(ROOT / name, CODE / name, ignore=ignore)
