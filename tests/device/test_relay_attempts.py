"""What hosts that dial out, the device and strangers try at the relay, and may not."""

from __future__ import annotations

import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import paramiko
import pytest

from harness.server import ROOT
from tests.device.relays import READY_S, RELAY, Site, as_account, host, make_key, site

__all__ = ["host", "site"]  # fixtures

pytestmark = pytest.mark.root


def log_in(port: int, key: Path, user: str = RELAY) -> paramiko.Transport:
    """Return a connection to the relay, as whoever holds a key."""
    transport = paramiko.Transport(("127.0.0.1", port))
    try:
        transport.start_client(timeout=READY_S)
        transport.auth_publickey(user, paramiko.Ed25519Key.from_private_key_file(str(key)))
    except BaseException:
        transport.close()
        raise
    return transport


def opens(kind: str, there: tuple[str, int] | None = None) -> Callable[[paramiko.Transport], object]:
    """Return an attempt to open a channel."""
    here = ("127.0.0.1", 1) if there else None
    return lambda transport: transport.open_channel(kind, there, here, timeout=READY_S)


def listens_at(address: str, port: int) -> Callable[[paramiko.Transport], object]:
    """Return an attempt to have the relay listen for us."""
    return lambda transport: transport.request_port_forward(address, port)


def asks(kind: str, *words: str | int) -> Callable[[paramiko.Transport], object]:
    """Return an attempt to ask something of the whole connection."""

    def ask(transport: paramiko.Transport) -> object:
        if transport.global_request(kind, words, wait=True) is None:
            raise paramiko.SSHException("refused")
        return None

    return ask


def attempts_of_a_host(site: Site) -> dict[str, Callable[[paramiko.Transport], object]]:
    """Return what a host tries that it may not."""
    return {
        "a session, for a shell, a command, a terminal or sftp": opens("session"),
        "the device's door": opens("direct-tcpip", ("127.0.0.1", site.device_port)),
        "another host's port": opens("direct-tcpip", ("127.0.0.1", site.elsewhere)),
        "its own port, from the relay": opens("direct-tcpip", ("127.0.0.1", site.port)),
        "a host beside the relay": opens("direct-tcpip", ("10.0.0.1", 22)),
        "X11": opens("x11", ("127.0.0.1", 6000)),
        "an agent": opens("auth-agent@openssh.com"),
        "to listen at another host's port": listens_at("127.0.0.1", site.elsewhere),
        "to listen at any port": listens_at("127.0.0.1", 0),
        "to listen on all addresses": listens_at("", site.port),
        "to listen on all addresses of IPv4": listens_at("0.0.0.0", site.port),
        "to listen on all addresses of IPv6": listens_at("::", site.port),
        "to listen at another name of the loopback": listens_at("localhost", site.port),
        "to listen on IPv6's loopback": listens_at("::1", site.port),
        "to listen at the device's door": listens_at("127.0.0.1", site.device_port),
        "to listen at its own port a second time": listens_at("127.0.0.1", site.port),
        "to listen at a Unix socket": asks("streamlocal-forward@openssh.com", "/tmp/relay-socket"),
        "to end what it did not begin": asks("cancel-tcpip-forward", "127.0.0.1", site.port),
    }


def test_a_host_may_do_nothing_on_the_relay_but_open_its_port(site):
    got_through = []
    with log_in(site.hosts_port, site.etc / "dial" / "dial_key") as transport:
        for name, attempt in attempts_of_a_host(site).items():
            with suppress(paramiko.SSHException):
                attempt(transport)
                got_through.append(name)
            assert transport.is_active(), name
    assert not got_through
    assert site.is_dialed, "the host that dialed in first still has its port"
    assert set(programs_of(RELAY)) == {"sshd"}


def programs_of(account: str) -> Iterator[str]:
    """Yield the programs that an account runs."""
    uid = pwd.getpwnam(account).pw_uid
    for entry in Path("/proc").iterdir():
        with suppress(OSError):  # it has ended
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                yield (entry / "comm").read_text().strip()


@pytest.mark.parametrize("flags", ["", "-tt", "-N -R 1080", "-N -R /tmp/relay-socket:127.0.0.1:22", "-W 127.0.0.1:22"])
def test_the_ssh_of_everyday_gets_nothing_either(site, flags, tmp_path):
    shutil.copy(site.etc / "dial" / "dial_key", tmp_path)
    (tmp_path / "dial_key").chmod(0o600)
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={site.etc}/dial/known_hosts"]
    options += ["ExitOnForwardFailure=yes", "IdentitiesOnly=yes", f"Port={site.hosts_port}"]
    argv = ["ssh", "-F", "none", "-i", str(tmp_path / "dial_key"), *(f"-o{option}" for option in options)]
    argv += [*flags.split(), f"{RELAY}@127.0.0.1", *([] if flags else ["id"])]
    tried = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=READY_S, stdin=subprocess.DEVNULL
    )
    assert tried.returncode == 255 and not tried.stdout, tried
    assert "Permission denied" not in tried.stderr, "it was let in, and then refused"


@pytest.mark.parametrize("allowed", ["remote", "local"])
def test_sshd_itself_says_that_nothing_else_is_open(site, allowed):
    port = site.hosts_port if allowed == "remote" else site.device_port
    config = site.etc / "relay" / "sshd_config"
    who = f"user={RELAY},host=h,addr=203.0.113.1,laddr=127.0.0.1,lport={port}"
    argv = [*as_account(RELAY), "/usr/sbin/sshd", "-T", "-f", str(config), "-C", who]
    said = set(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines())
    assert said >= {
        "maxsessions 0", "forcecommand /bin/false", "permittty no", "permituserrc no", "permituserenvironment no",
        "allowstreamlocalforwarding no", "allowagentforwarding no", "x11forwarding no", "permittunnel no",
        "gatewayports no", "authenticationmethods publickey", "passwordauthentication no", "usepam no",
        f"allowtcpforwarding {allowed}",
    }  # fmt: skip


@pytest.mark.parametrize("who", ["root", "singlecell", "untrusted", "nobody"])
def test_a_host_can_log_in_as_nobody_else(site, who):
    with pytest.raises(paramiko.SSHException):
        log_in(site.hosts_port, site.etc / "dial" / "dial_key", who)


def test_each_key_opens_its_own_door_alone(site, tmp_path):
    make_key(tmp_path / "stranger")
    keys = {"host": site.etc / "dial" / "dial_key", "device": site.door.key_file, "stranger": tmp_path / "stranger"}
    let_in = set()
    for name, key in keys.items():
        for door, port in (("hosts'", site.hosts_port), ("device's", site.device_port)):
            try:
                log_in(port, key).close()
                let_in.add((name, door))
            except paramiko.AuthenticationException:
                continue
    assert let_in == {("host", "hosts'"), ("device", "device's")}


def test_no_password_is_asked_for(site):
    for port in (site.hosts_port, site.device_port):
        with paramiko.Transport(("127.0.0.1", port)) as transport:
            transport.start_client(timeout=READY_S)
            with pytest.raises(paramiko.BadAuthenticationType) as caught:
                transport.auth_none(RELAY)
            assert caught.value.allowed_types == ["publickey"]


def test_the_device_may_reach_ports_of_the_relay_and_nothing_else(site):
    refused = [opens("session"), opens("direct-tcpip", ("10.0.0.1", 22)), listens_at("127.0.0.1", site.elsewhere)]
    with log_in(site.device_port, site.door.key_file) as transport:
        for attempt in refused:
            with pytest.raises(paramiko.SSHException):
                attempt(transport)
        opens("direct-tcpip", ("127.0.0.1", site.port))(transport)


def test_the_door_of_a_host_forwards_to_its_own_loopback_and_nothing_else(tmp_path):
    make_key(tmp_path / "host_key")
    text = (ROOT / "deploy" / "sshd_config").read_text()
    (tmp_path / "sshd_config").write_text(text.replace("/etc/ssh/ssh_host_ed25519_key", f"{tmp_path}/host_key"))
    page = (ROOT / "docs" / "relay.md").read_text()
    (command,) = [line for line in page.splitlines() if line.startswith("sed -i")]
    subprocess.run(["sh", "-c", command.replace("/etc/singlecell", str(tmp_path))], check=True)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    argv = ["/usr/sbin/sshd", "-T", "-f", str(tmp_path / "sshd_config")]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    assert set(said) >= {
        "allowtcpforwarding local", "permitopen 127.0.0.1:*", "allowstreamlocalforwarding no", "permittty no",
        "allowagentforwarding no", "x11forwarding no", "disableforwarding no", "authenticationmethods publickey",
    }  # fmt: skip
