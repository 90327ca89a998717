"""Hosts that dial out: how they are reached, that nobody in between is believed, and what is said when they are not."""

from __future__ import annotations

import os
import pwd
import re
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from harness import processes
from singlecell_client import Client
from tests.device.lines import Line
from tests.device.relays import (
    READY_S,
    end_device,
    host,
    is_open,
    make_key,
    make_site,
    reaching,
    site,
    start_device,
)
from tests.device.test_connector import open_door, settings_for, start_supervisor, why_not
from tests.device.test_upgrade import END_S
from tests.device.test_upgrade import Site as Server
from tests.device.test_upgrade import site as server

__all__ = ["host", "server", "site"]  # fixtures

pytestmark = pytest.mark.root


def listens(pid: int) -> set[str]:
    """Return the addresses at which a process takes TCP connections."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it has been closed meanwhile
            inodes |= set(re.findall(r"^socket:\[(\d+)\]$", os.readlink(descriptor)))
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


def test_kept_sessions_outlive_a_relay_that_dies_and_a_line_that_stands_still(server: Server):
    with ExitStack() as stack:
        door, _sshd = stack.enter_context(open_door(forward=True))
        site = stack.enter_context(make_site(door))
        relay = stack.enter_context(site.run_relay())
        dial = stack.enter_context(site.run_dial())
        line = Line(site.device_port)
        stack.callback(line.close)
        line.delay_s = 0.02
        device = start_device(server, site, line)
        client = Client(server.url)
        session = client.run("n = 1", keep=True).session
        running = client.submit("print('in', flush=True)\nimport time\ntime.sleep(600)")["id"]
        processes.wait_for(lambda: server.store.computations.get(running).sequence >= 2)
        for pid in [relay.pid, *relay.descendants()]:
            with suppress(ProcessLookupError):  # some end with the one that was killed before
                os.kill(pid, signal.SIGKILL)
        relay.wait(END_S)
        # What a device hands over before it has noticed is `lost`, for nobody knows whether it ran.
        device.wait_for_line(f"WARNING {site.account.partition('@')[0]}@.*: ", END_S)
        waiting = client.submit("n += 1; n", session=session, keep=True)["id"]
        processes.wait_for(lambda: not site.is_dialed)
        stack.enter_context(site.run_relay())
        stack.callback(dial.signal, signal.SIGTERM)
        stack.callback(end_device, device)
        assert client.result(waiting, list(client.follow(waiting))).text == "2\n"
        # It is tried again, as any that lost its host.
        processes.wait_for(lambda: server.store.computations.get(running).attempt == 2, END_S)
        client.cancel(running)
        line.halt()
        device.wait_for_line("its supervisor was silent for 4 s", END_S)
        waiting = client.submit("n += 1; n", session=session, keep=True)["id"]
        line.go_on()
        assert client.result(waiting, list(client.follow(waiting))).text == "3\n"
        assert device.exit_code is None and listens(device.pid) <= {"0100007F"}


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


def test_a_host_takes_the_first_free_port_of_its_own_and_keeps_to_it(site):
    env = {**site.dial_env, "PORTS": f"{site.port} {site.elsewhere}", "PAUSE_MAX_S": "3"}
    keys = site.etc / "relay" / "hosts_keys"
    line = keys.read_text()
    try:
        also = f'permitlisten="127.0.0.1:{site.elsewhere}"'
        keys.write_text(line.replace("permitlisten=", f"{also},permitlisten=", 1))
        argv = site.dial_argv
        with processes.start(argv, ready=lambda: is_open(site.elsewhere), deadline_s=READY_S, env=env) as dial:
            assert site.is_dialed
            began = time.monotonic()
            processes.wait_for(lambda: time.monotonic() - began > 4)  # then it is a line that broke
            (ssh,) = [pid for pid in dial.descendants() if processes.command_line(pid).startswith("ssh ")]
            os.kill(ssh, signal.SIGTERM)
            dial.wait_for_line(r"ssh ended with \d+ after [3-9]", READY_S)
            processes.wait_for(lambda: is_open(site.elsewhere) and dial.log.count(f"port {site.elsewhere}") == 2)
            assert dial.log.rindex(f"port {site.elsewhere}") > dial.log.rindex("ssh ended")
            assert dial.log.count(f"its port {site.port}") == 1, "it asked for another port than the one it had"
    finally:
        keys.write_text(line)
    processes.wait_for(lambda: not is_open(site.elsewhere))
