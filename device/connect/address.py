"""Says where an account is: user, machine and port, and the relay through which a host that dials out is reached."""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from device.errors import ConnectError

SSH_PORT = 22
PORT_MAX = 65535
VIA = " via "
BOOT_ID, NETWORK = Path("/proc/sys/kernel/random/boot_id"), "/proc/self/ns/net"


@dataclass(frozen=True)
class Address:
    """The address of an account: user, machine and port of its sshd.

    ``via``: the relay that the machine has dialed into. Then the port is one of the relay's own loopback, and ``host``
    is the name by which alone the machine's host key is known.
    """

    user: str
    host: str
    port: int
    via: Address | None = None

    @property
    def is_here(self) -> bool:
        """Whether it is this machine, as far as its name tells."""
        return self.via is None and is_loopback(self.host)


def parse(account: str) -> Address:
    """Return the parts of ``user@host`` or ``user@host:port``, with or without `` via user@relay:port`` behind it.

    Raises ConnectError.
    """
    there, via, relay = account.partition(VIA)
    if not via:
        return _parse_one(account, account)
    end = _parse_one(there, account)
    return Address(end.user, end.host, end.port, _parse_one(relay, account))


def _parse_one(text: str, account: str) -> Address:
    user, at, machine = text.rpartition("@")
    host, colon, port = machine.partition(":")
    number = int(port) if port.isascii() and port.isdigit() else 0 if colon else SSH_PORT
    is_plain = (user + host).isprintable() and " " not in user + host
    if not (at and user and host and is_plain) or not 0 < number <= PORT_MAX:
        raise ConnectError(
            f"{account!r} is no account: write user@host or user@host:port, and of a host that dials out "
            "user@name:port via user@relay:port"
        )
    return Address(user, host, number)


def identity(account: str) -> str:
    """Return what all devices know an account by: its name; of one on this machine ("": a child) the machine, too.

    ``untrusted@127.0.0.1`` is another account on each machine. Raises ConnectError.
    """
    if account:
        to = parse(account)
        host = (to.via or to).host
        if host != "localhost" and not (_is_number(host) and is_loopback(host)):
            return account
    # No container shares its loopback with another one by chance, and no supervisor outlives the kernel.
    return f"{account} on {BOOT_ID.read_text().strip()}-{os.stat(NETWORK).st_ino}"


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its address on the loopback."""
    try:
        return ipaddress.ip_address(socket.gethostbyname(host)).is_loopback
    except OSError:
        return False
