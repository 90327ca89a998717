"""Hosts that dial out: what a host, its relay and strangers may do there, and that nobody in between is believed."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import paramiko
import pytest

from harness import processes
from host.ssh import Door
from settings import Settings
from singlecell_client import Client
from tests.device.relays import READY_S, RELAY, Site, as_account, is_open, make_key, make_site
from tests.device.test_connector import open_door, settings_for, start_supervisor, why_not
from tests.device.test_upgrade import END_S
from tests.device.test_upgrade import Site as Server
from tests.device.test_upgrade import site as server

__all__ = ["server"]  # a fixture

pytestmark = pytest.mark.root


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


def listens(pid: int) -> set[str]:
    """Return the addresses at which a process takes TCP connections."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor) if descriptor.is_symlink() else "")
        inodes |= {found.group(1)} if found else set()
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


# --- what is promised when all goes well, and when the relay dies --------------------------------------------------
def test_a_supervisor_is_reached_through_the_relay(site):
    supervisor = start_supervisor(reaching(site))
    assert supervisor.alive
    # What carries ZeroMQ into the SSH connection is on our own loopback; nothing else listens.
    assert listens(os.getpid()) <= {"0100007F"}
    supervisor.end()
    assert not supervisor.alive


def test_a_relay_that_was_killed_comes_back_with_all_kept_sessions(server: Server):
    with ExitStack() as stack:
        door, _sshd = stack.enter_context(open_door(forward=True))
        site = stack.enter_context(make_site(door))
        relay = stack.enter_context(site.run_relay())
        stack.enter_context(site.run_dial())
        device = start_device(server, site)
        client = Client(server.url)
        session = client.run("n = 1", keep=True).session
        running = client.submit("print('in', flush=True)\nimport time\ntime.sleep(600)")["id"]
        processes.wait_for(lambda: server.store.computations.get(running).sequence >= 2)
        for pid in [relay.pid, *relay.descendants()]:
            os.kill(pid, signal.SIGKILL)
        relay.wait(END_S)
        waiting = client.submit("n += 1; n", session=session, keep=True)["id"]
        processes.wait_for(lambda: not site.is_dialed)
        stack.enter_context(site.run_relay())
        assert client.result(waiting, list(client.follow(waiting))).text == "2\n"
        # It is tried again, as any that lost its host.
        processes.wait_for(lambda: server.store.computations.get(running).attempt == 2, END_S)
        client.cancel(running)
        assert device.exit_code is None and listens(device.pid) <= {"0100007F"}


def start_device(server: Server, site: Site) -> processes.Process:
    """Start a device of the server that reaches its account through the relay."""
    config = Path(server.env["SINGLECELL_CONFIG"])
    keys = {"ssh_key_file": str(site.door.key_file), "ssh_known_hosts_file": str(site.known_hosts), "redial_s_max": 2.0}
    config.write_text(config.read_text() + "".join(f"{name} = {value!r}\n" for name, value in keys.items()))
    server.argv[-1] = site.account
    return server.start_device()


# --- a host that was taken over: its key, at the relay -------------------------------------------------------------
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
    runs = {processes.command_line(pid).split(":")[0].split(" ")[0] for pid in pids_of(RELAY)}
    assert runs <= {"sshd", "/usr/sbin/sshd"}


def pids_of(account: str) -> list[int]:
    """Return the processes of an account."""
    uid = pwd.getpwnam(account).pw_uid
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.exists() and entry.stat().st_uid == uid:
            found.append(int(entry.name))
    return found


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


# --- a relay that was taken over, or a stranger at the port --------------------------------------------------------
def test_a_stranger_at_the_port_of_a_host_is_not_taken_for_it(site, tmp_path):
    stranger = make_key(tmp_path / "stranger")
    config = tmp_path / "config"
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    config.write_text(
        f"ListenAddress 127.0.0.1:{site.elsewhere}\nHostKey {tmp_path}/stranger\nPidFile none\nUsePAM no\n"
        "LogLevel DEBUG\nAuthorizedKeysFile none\nAuthorizedKeysCommandUser nobody\n"
        f"AuthorizedKeysCommand /bin/echo {' '.join(stranger.split()[:2])}\n"
    )
    account = f"untrusted@cells-1:{site.elsewhere} via {site.via}"
    pinned = site.known_hosts.read_text()
    argv = ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
    with processes.start(argv, ready="Server listening", deadline_s=READY_S) as sshd:
        assert "its host key is not in ssh_known_hosts_file" in why_not(reaching(site, account))
        host_key = next(line for line in pinned.splitlines() if line.startswith("[cells-1]"))
        site.known_hosts.write_text(f"{pinned}{host_key.replace(str(site.port), str(site.elsewhere))}\n")
        try:
            said = why_not(reaching(site, account))
        finally:
            site.known_hosts.write_text(pinned)
        assert said == "its host key is not the one in ssh_known_hosts_file; somebody may be in between"
        sshd.wait_for(lambda: not sshd.descendants(), "the end of both connections", READY_S)
        assert "SSH2_MSG_KEXINIT received" in sshd.log
        assert "userauth-request" not in sshd.log, "the device showed its key to a stranger"


def test_a_stranger_in_place_of_the_relay_is_not_taken_for_it(site, tmp_path):
    pinned = site.known_hosts.read_text()
    other = " ".join(make_key(tmp_path / "other").split()[:2])
    lines = [line for line in pinned.splitlines() if line.startswith("[cells-1]")]
    (tmp_path / "known_hosts").write_text("\n".join([*lines, f"[127.0.0.1]:{site.device_port} {other}", ""]))
    chosen = reaching(site)
    chosen = settings_for(
        site.door, untrusted_accounts=chosen.untrusted_accounts, ssh_known_hosts_file=str(tmp_path / "known_hosts")
    )
    assert why_not(chosen).startswith("the relay: its host key is not the one in ssh_known_hosts_file")


def test_a_host_does_not_dial_into_a_relay_that_it_does_not_know(site, tmp_path):
    make_key(tmp_path / "other")
    for name in ("dial_key", "dial_key.pub"):
        file = tmp_path / name
        file.write_bytes((site.etc / "dial" / name).read_bytes())
        file.chmod(0o644 if name.endswith("pub") else 0o640)
        os.chown(file, 0, pwd.getpwnam("singlecell-dial").pw_gid)
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{site.hosts_port} {(tmp_path / 'other.pub').read_text()}")
    for directory in (tmp_path, *list(tmp_path.parents)[:2]):
        directory.chmod(0o755)
    env = {**site.dial_env, "KEYS": str(tmp_path), "PORTS": str(site.elsewhere)}
    with processes.start(site.dial_argv, ready="ssh ended with 255", deadline_s=READY_S, env=env) as dial:
        assert "Host key verification failed" in dial.log
    assert not is_open(site.elsewhere)


# --- what is said --------------------------------------------------------------------------------------------------
def test_a_host_that_has_not_dialed_in_is_a_sentence(site):
    account = f"untrusted@cells-1:{site.elsewhere} via {site.via}"
    assert why_not(reaching(site, account)) == f"no host has dialed into port {site.elsewhere} of the relay"


def test_a_port_that_the_relay_keeps_from_the_device_is_a_sentence(site):
    keys = site.etc / "relay" / "device_keys"
    line = keys.read_text()
    try:
        keys.write_text(line.replace("127.0.0.1:*", f"127.0.0.1:{site.port}"))
        account = f"untrusted@cells-1:{site.elsewhere} via {site.via}"
        assert why_not(reaching(site, account)) == f"the relay does not let this device reach its port {site.elsewhere}"
    finally:
        keys.write_text(line)


def test_a_relay_that_is_away_is_a_sentence(site):
    account = site.account.replace(str(site.device_port), str(site.elsewhere))
    assert why_not(reaching(site, account)).startswith("the relay: SSH does not answer")


@pytest.mark.parametrize("relay", ["", "relay.example.org:2223", "a@b", "@b:1", "a@:1", "a@b:x"])
def test_a_relay_that_is_none_is_a_sentence_of_the_host(site, relay):
    env = {**site.dial_env, "RELAY": relay}
    said = subprocess.run(site.dial_argv, env=env, capture_output=True, text=True, check=False, timeout=READY_S)
    assert said.returncode == 2 and "user@host:port" in said.stderr


def test_a_host_takes_the_first_free_port_of_those_that_its_key_permits(site):
    env = {**site.dial_env, "PORTS": f"{site.port} {site.elsewhere}"}
    keys = site.etc / "relay" / "hosts_keys"
    line = keys.read_text()
    try:
        also = f'permitlisten="127.0.0.1:{site.elsewhere}"'
        keys.write_text(line.replace("permitlisten=", f"{also},permitlisten=", 1))
        argv = site.dial_argv
        with processes.start(argv, ready=lambda: is_open(site.elsewhere), deadline_s=READY_S, env=env):
            assert site.is_dialed
    finally:
        keys.write_text(line)
    processes.wait_for(lambda: not is_open(site.elsewhere))
