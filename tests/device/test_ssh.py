"""The way to an untrusted account: a real sshd on loopback, and everything that can be wrong with it."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import settings as settings_file
from device.connect import bundle, ssh
from device.connect.address import Address, parse
from device.connect.process import wait_until_listening
from device.connect.ssh import SshProcess
from device.errors import ConnectError, PortTakenError
from harness.processes import start, wait_for
from harness.server import free_port
from settings import Settings

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
needs_sshd = pytest.mark.skipif(SSHD is None, reason="openssh-server is not installed")

# Stands in for the supervisor: binds the port of its start configuration and gives back what comes there, in capitals.
MAIN = """
import json, os, socket, sys, threading
config = json.loads(os.read(0, 10000))
listener = socket.create_server((config["address"], config["port"]))
print(json.dumps(config["answer"] or {"listening": config["port"]}), flush=True)
print("a line\\x1b[2J for the log", file=sys.stderr, flush=True)
def serve():
    while True:
        peer, _ = listener.accept()
        while data := peer.recv(1000):
            peer.sendall(data.upper())
threading.Thread(target=serve, daemon=True).start()
while os.read(0, 1000):
    pass
open(config["farewell"], "w").close()
"""


@dataclass(frozen=True)
class Door:
    """A running sshd. ``keys``: its host key, the key that it accepts, a stranger's; known hosts."""

    port: int
    keys: Path

    @property
    def account(self) -> str:
        """The account behind it: this very one."""
        return f"{getpass.getuser()}@127.0.0.1:{self.port}"

    def settings(self, **changes: str) -> Settings:
        """Return the settings that lead there."""
        right = {"ssh_key_file": str(self.keys / "ours"), "ssh_known_hosts_file": str(self.keys / "known_hosts")}
        return settings_file.load(**{**right, **changes})


@pytest.fixture(scope="module")
def door(tmp_path_factory) -> Iterator[Door]:
    """An sshd of our own."""
    keys, port = tmp_path_factory.mktemp("ssh"), free_port()
    for name, phrase in (("host", ""), ("other_host", ""), ("ours", ""), ("stranger", ""), ("locked", "phrase")):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-f", keys / name], check=True)
    for hosts, key in (("known_hosts", "host"), ("wrong_hosts", "other_host")):
        public = (keys / f"{key}.pub").read_text()
        (keys / hosts).write_text(f"[127.0.0.1]:{port} {public}")
    (keys / "no_hosts").write_text("")
    (keys / "no_key").write_text("this is no key\n")
    (keys / "accepted").write_text((keys / "ours.pub").read_text())
    (keys / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/accepted\nPidFile none\n"
        "StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nAllowTcpForwarding local\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    argv = [str(SSHD), "-D", "-e", "-f", str(keys / "config")]
    with start(argv, ready="Server listening", deadline_s=30):
        yield Door(port, keys)


@pytest.fixture
def shipped(tmp_path, monkeypatch) -> Iterator[None]:
    """Ship the stand-in instead of the supervisor."""
    (tmp_path / "untrusted").mkdir()
    (tmp_path / "contract.py").write_text("")
    (tmp_path / "wire.py").write_text("")
    (tmp_path / "untrusted" / "__main__.py").write_text(MAIN)
    monkeypatch.setattr(bundle, "ROOT", tmp_path)
    bundle.pack.cache_clear()
    yield
    bundle.pack.cache_clear()


def begin(remote: SshProcess, farewell: Path, answer: dict | None = None) -> int:
    """Ship, send a start configuration, and return the port that it names, when the other side listens there."""
    port = free_port()
    config = {"address": remote.address, "port": port, "farewell": str(farewell), "answer": answer}
    remote.write(bundle.pack())
    remote.write(json.dumps(config).encode() + b"\n")
    wait_until_listening(remote, port)
    return port


@needs_sshd
@pytest.mark.parametrize("transport", ["direct", "ssh"])
def test_a_program_is_shipped_started_reached_and_ended(door, shipped, tmp_path, transport, caplog):
    remote = SshProcess(door.account, door.settings(wall_transport=transport), sys.executable)
    port = begin(remote, tmp_path / "farewell")
    host, _, number = remote.reachable_address(port).partition(":")
    assert (int(number) == port) == (transport == "direct")
    for word in (b"one", b"two"):
        with socket.create_connection((host, int(number)), timeout=10) as connection:
            connection.sendall(word)
            assert connection.recv(100) == word.upper()
    assert remote.alive
    remote.end()
    assert not remote.alive
    wait_for((tmp_path / "farewell").exists)  # it is told to end, and waited for for a moment


@needs_sshd
def test_a_port_that_is_taken_and_a_self_test_that_fails_are_told_apart(door, shipped, tmp_path):
    answers = {"port 7 is taken": PortTakenError, "no layer \x1b user": ConnectError}
    for sentence, expected in answers.items():
        remote = SshProcess(door.account, door.settings(), sys.executable)
        with pytest.raises(expected) as caught:
            begin(remote, tmp_path / "farewell", {"error": sentence})
        assert str(caught.value).isprintable()
        remote.end()


@needs_sshd
@pytest.mark.parametrize(
    ("setting", "file", "sentence"),
    [
        ("ssh_key_file", "stranger", "does not accept the key"),
        ("ssh_key_file", "locked", "locked with a passphrase"),
        ("ssh_key_file", "missing", "missing cannot be read"),
        ("ssh_key_file", "no_key", "SSH failed"),
        ("ssh_known_hosts_file", "no_hosts", "host key is not in ssh_known_hosts_file"),
        ("ssh_known_hosts_file", "wrong_hosts", "not the one in ssh_known_hosts_file"),
        ("ssh_known_hosts_file", "missing", "missing cannot be read"),
    ],
)
def test_a_wrong_key_or_host_key_is_a_sentence_and_is_never_accepted(door, setting, file, sentence):
    before = (door.keys / "no_hosts").read_text()
    with pytest.raises(ConnectError, match=sentence):
        SshProcess(door.account, door.settings(**{setting: str(door.keys / file)}), sys.executable)
    assert (door.keys / "no_hosts").read_text() == before


@needs_sshd
def test_no_key_of_an_agent_or_a_home_is_tried(door, monkeypatch, tmp_path):
    (tmp_path / ".ssh").mkdir()
    shutil.copy(door.keys / "ours", tmp_path / ".ssh" / "id_ed25519")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConnectError, match="does not accept the key"):
        SshProcess(door.account, door.settings(ssh_key_file=str(door.keys / "stranger")), sys.executable)


@needs_sshd
def test_a_python_that_is_not_there_is_a_sentence(door):
    remote = SshProcess(door.account, door.settings(), "/no/python")
    with pytest.raises(ConnectError, match="there is no Python at /no/python over there; set untrusted_python"):
        remote.write(bundle.pack())
        wait_until_listening(remote, 1)
    remote.end()


@needs_sshd
@pytest.mark.root
def test_the_real_supervisor_refuses_root_with_a_sentence(door):
    remote = SshProcess(door.account, door.settings(), sys.executable)
    remote.write(bundle.pack())
    remote.write(b"{}\n")
    with pytest.raises(ConnectError, match=r"did not start|start configuration|root"):
        wait_until_listening(remote, 1)
    remote.end()


def test_an_account_where_nobody_listens_is_a_sentence(tmp_path):
    (tmp_path / "known_hosts").write_text("")
    settings = settings_file.load(ssh_known_hosts_file=str(tmp_path / "known_hosts"), ssh_key_file="/x")
    with pytest.raises(ConnectError, match="SSH does not answer"):
        SshProcess(f"nobody@127.0.0.1:{free_port()}", settings, "python3")
    with pytest.raises(ConnectError, match="SSH does not answer"):
        SshProcess("nobody@no-such-host.invalid", settings, "python3")


def test_an_account_that_answers_but_does_not_speak_ssh_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(ssh, "SSH_S", 0.5)
    (tmp_path / "known_hosts").write_text("")
    settings = settings_file.load(ssh_known_hosts_file=str(tmp_path / "known_hosts"), ssh_key_file="/x")
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(ConnectError, match="SSH failed"):
        SshProcess(f"nobody@127.0.0.1:{mute.getsockname()[1]}", settings, "python3")


@pytest.mark.parametrize(
    ("account", "parts"),
    [
        ("untrusted@localhost", Address("untrusted", "localhost", 22)),
        ("a@b.example.org:2222", Address("a", "b.example.org", 2222)),
        ("a@b:65535", Address("a", "b", 65535)),
        ("a@b:1 via r@c:2", Address("a", "b", 1, Address("r", "c", 2))),
        ("a@b via r@c", Address("a", "b", 22, Address("r", "c", 22))),
    ],
)
def test_an_account_is_user_host_and_port_and_the_relay_if_there_is_one(account, parts):
    assert parse(account) == parts


def test_a_host_behind_a_relay_is_not_this_machine_whatever_its_name():
    assert parse("a@127.0.0.1").is_here and not parse("a@127.0.0.1:2 via r@127.0.0.1:3").is_here


@pytest.mark.parametrize(
    "account",
    ["", "a", "@b", "a@", "a@b:", "a@b:0", "a@b:65536", "a@b:x", "a@b:²", "a\n@b", "a b@c", "a@b via ", " via r@c",
     "a@b via c", "a@b via r@c:0", "a@b via r@c via s@d"],
)
def test_what_is_no_account_is_refused_with_a_sentence(account):
    with pytest.raises(ConnectError, match="write user@host or user@host:port"):
        parse(account)
