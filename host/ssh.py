"""Set up an sshd of our own on a loopback port, through which the device reaches the untrusted account."""

from __future__ import annotations

import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from host.accounts import UNTRUSTED
from host.errors import EXIT_MISSING, HostError
from host.layout import Account, Layout, give

ADDRESS = "127.0.0.1"
SSHD_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
# sshd gives up its rights in this directory and insists that it is there.
PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass(frozen=True)
class Door:
    """The files of one sshd, and what the device needs to log in to it."""

    program: str
    config_file: Path
    account: str
    key_file: Path
    known_hosts_file: Path

    @property
    def argv(self) -> list[str]:
        """The command that runs sshd in the foreground."""
        return [self.program, "-D", "-e", "-f", str(self.config_file)]


def make_door(layout: Layout, *, forward: bool) -> Door:
    """Return an sshd for this layout, its keys made if they are not there. Raises HostError.

    ``forward``: the device may forward ports of this machine's loopback (the setting wall_transport = "ssh").
    """
    program = shutil.which("sshd", path=SSHD_PATH)
    if not program:
        raise HostError("sshd is missing; install it with: apt-get install openssh-server", EXIT_MISSING)
    PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    host_key = _key(layout.ssh / "host_key", Account.ours())
    device_key = make_device_key(layout)
    port = free_port()
    # known_hosts beside it is for the hosts that the owner names.
    known_hosts = layout.ssh / "loopback_known_hosts"
    door = Door(program, layout.ssh / "sshd_config", f"{UNTRUSTED}@{ADDRESS}:{port}", device_key, known_hosts)
    door.config_file.write_text(_config(port, host_key, device_key, forward))
    door.known_hosts_file.write_text(f"[{ADDRESS}]:{port} {_public(host_key)}\n")
    give(door.known_hosts_file, layout.trusted, 0o640)
    return door


def make_device_key(layout: Layout) -> Path:
    """Return the device's private key, made at the first call; its public half lies beside it as ``.pub``."""
    return _key(layout.ssh / "device_key", layout.trusted)


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as trial:
        trial.bind((ADDRESS, 0))
        return int(trial.getsockname()[1])


def _key(file: Path, reader: Account) -> Path:
    if not file.exists():
        if not shutil.which("ssh-keygen"):
            raise HostError("ssh-keygen is missing; install it with: apt-get install openssh-client", EXIT_MISSING)
        half = file.with_suffix(".new")
        half.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", file.name, "-f", str(half)], check=True)
        half.with_name(half.name + ".pub").rename(file.with_name(file.name + ".pub"))
        half.rename(file)
    give(file, reader, 0o600 if reader.is_ours else 0o640)
    return file


def _public(key: Path) -> str:
    return " ".join(key.with_name(key.name + ".pub").read_text().split()[:2])


def _config(port: int, host_key: Path, device_key: Path, forward: bool) -> str:
    forwarding, permission = "DisableForwarding yes", "restrict"
    if forward:
        forwarding = f"AllowTcpForwarding local\nPermitOpen {ADDRESS}:*"
        # Within a quoted value of the configuration, sshd takes bare quotes away.
        permission = f'restrict,port-forwarding,permitopen=\\"{ADDRESS}:*\\"'
    # The one key stands in the configuration itself: no file that a path's owner could change.
    return f"""\
ListenAddress {ADDRESS}:{port}
HostKey "{host_key}"
PidFile none
UsePAM no
AllowUsers {UNTRUSTED}
PermitRootLogin no
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile none
AuthorizedKeysCommand /bin/echo {permission} {_public(device_key)}
AuthorizedKeysCommandUser nobody
{forwarding}
AllowAgentForwarding no
X11Forwarding no
PermitTTY no
PermitUserRC no
PermitUserEnvironment no
PrintMotd no
LoginGraceTime 20
Subsystem sftp internal-sftp
"""
