"""The real supervisor behind the sshd that ``make run`` starts; what is in the way is one sentence for the operator."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import settings as settings_file
from device.connect import bundle, start_config
from device.connect.address import parse
from device.connect.connector import start_process
from device.connect.local import LocalProcess
from device.connect.process import Process, wait_until_listening
from device.errors import ConnectError
from harness import processes
from host.accounts import make_untrusted
from host.layout import Account, Layout
from host.ssh import Door, make_door
from settings import Settings

READY_S = 20.0
# One language is enough, and this one is ready soonest.
PYTHON_ALONE = {name: None for name in settings_file.load().languages if name != "python"}


def answers(door: Door) -> bool:
    """Return whether the sshd takes connections."""
    to = parse(door.account)
    with socket.socket() as knock:
        return knock.connect_ex((to.host, to.port)) == 0


@contextmanager
def open_door(forward: bool) -> Iterator[tuple[Door, processes.Process]]:
    """Run an sshd of our own that lets the device into the untrusted account."""
    make_untrusted()
    data = Path(tempfile.mkdtemp(prefix="door-", dir="/tmp"))
    data.chmod(0o755)
    layout = Layout(data, data, data, Account.ours())
    layout.ssh.mkdir()
    door = make_door(layout, forward=forward)
    try:
        with processes.start(door.argv, ready=lambda: answers(door), deadline_s=READY_S) as process:
            yield door, process
            process.wait_for(lambda: not process.descendants(), "the end of all that ran there", READY_S)
    finally:
        shutil.rmtree(data)


@pytest.fixture(scope="module")
def sshd() -> Iterator[tuple[Door, processes.Process]]:
    """A door without forwarding, and the sshd behind it."""
    with open_door(forward=False) as found:
        yield found


@pytest.fixture
def door(sshd: tuple[Door, processes.Process]) -> Door:
    """The way in."""
    return sshd[0]


def settings_for(door: Door, **changes: Any) -> Settings:
    """Return the settings of a device that uses this door."""
    keys = {"ssh_key_file": str(door.key_file), "ssh_known_hosts_file": str(door.known_hosts_file)}
    return settings_file.load(**{"untrusted_accounts": [door.account], **keys, **changes})


def connect(settings: Settings, python: str = "") -> Process:
    """Start a process as the device does."""
    return start_process(settings.untrusted_accounts[0], python or start_config.choose_python(settings), settings)


def why_not(settings: Settings, python: str = "") -> str:
    """Return the sentence that the attempt to start a supervisor ends with."""
    with pytest.raises(ConnectError) as caught:
        start_supervisor(settings, python).end()
    sentence = str(caught.value)
    assert sentence and "\n" not in sentence and len(sentence) < 300
    return sentence


def start_supervisor(settings: Settings, python: str = "") -> Process:
    """Start a supervisor to the point where it listens."""
    process = connect(settings, python)
    try:
        port = start_config.choose_port(settings)
        process.write(bundle.pack())
        process.write(start_config.start_line(settings, start_config.Keys.make(), process.address, port, 1))
        wait_until_listening(process, port)
        host, _, local = process.reachable_address(port).partition(":")
        with socket.create_connection((host, int(local)), timeout=READY_S) as connection:
            assert connection.recv(1) == b"\xff"  # as a ZeroMQ socket greets
    except BaseException:
        process.end()
        raise
    return process


@pytest.mark.root
def test_a_supervisor_listens_and_ends_with_its_input(sshd):
    door, process = sshd
    supervisor = start_supervisor(settings_for(door))
    assert supervisor.alive
    assert process.descendants()
    supervisor.end()
    assert not supervisor.alive
    process.wait_for(lambda: not process.descendants(), "the end of all that ran there", READY_S)


@pytest.mark.root
def test_a_supervisor_is_reached_through_the_ssh_connection():
    with open_door(forward=True) as (door, process):
        supervisor = start_supervisor(settings_for(door, wall_transport="ssh"))
        supervisor.end()
        assert not supervisor.alive and process.exit_code is None


@pytest.mark.root
@pytest.mark.parametrize("user", ["root", "nobody", "no-such-user"])
def test_an_account_that_the_key_does_not_open(door, user):
    account = f"{user}@{door.account.partition('@')[2]}"
    settings = settings_for(door, untrusted_accounts=[account])
    assert why_not(settings).startswith("it does not accept the key in ssh_key_file")


@pytest.mark.root
@pytest.mark.parametrize("python", ["/bin/false", "/bin/true"])
def test_a_python_that_is_none(door, python):
    assert why_not(settings_for(door), python) in (
        "the supervisor ended before it had read its start configuration",
        "the supervisor did not start; the lines that it logged say why",
    )


@pytest.mark.root
def test_a_python_without_the_packages(door):
    sentence = why_not(settings_for(door), "/usr/bin/python3")
    assert sentence == "the supervisor did not start; the lines that it logged say why"


@pytest.mark.root
def test_an_answer_that_is_none(door):
    talker = door.config_file.parent.parent / "talker"  # where the other account can reach it
    talker.write_text("#!/bin/sh\ncat > /dev/null & echo hello; wait\n")
    talker.chmod(0o755)
    sentence = why_not(settings_for(door), str(talker))
    assert sentence == "the supervisor answered with something that is not JSON"


def test_an_unknown_name_of_a_host():
    settings = settings_file.load(untrusted_accounts=["a@no-such-host.invalid"], ssh_known_hosts_file="/dev/null")
    assert why_not(settings).startswith("SSH does not answer: ")


def test_root_never_runs_user_code():
    if os.geteuid():
        pytest.skip("this is not root")
    with pytest.raises(ConnectError, match="root never runs user code: name an account with --untrusted-account"):
        LocalProcess("/usr/bin/python3")


def test_no_python_for_a_child_process():
    if not os.geteuid():
        pytest.skip("root starts no child")
    with pytest.raises(ConnectError, match=r"there is no Python at /no/python \(No such file or directory\)"):
        LocalProcess("/no/python")
