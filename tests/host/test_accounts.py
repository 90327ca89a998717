"""The two accounts that root's start makes may do what they must and no more, also at the door between them."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import paramiko
import pytest

import settings
from harness.processes import wait_for
from harness.server import Server
from host import accounts
from host.accounts import TRUSTED, UNTRUSTED
from host.errors import HostError
from host.layout import Account
from tests.host.test_make_run import find_part

pytestmark = pytest.mark.root
SSH_S = 15.0


def as_untrusted(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the untrusted account, outside any sandbox: as if it were fully taken over."""
    drop = ["setpriv", f"--reuid={UNTRUSTED}", f"--regid={UNTRUSTED}", "--init-groups", "--reset-env"]
    return subprocess.run([*drop, *argv], capture_output=True, text=True, check=False, cwd="/")


def processes(server: Server) -> dict[int, tuple[int, str]]:
    """Return account and command of every process below the launcher, itself included, that has not just ended."""
    found = {}
    for pid in [server.process.pid, *server.process.descendants()]:
        with suppress(OSError):
            if line := Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip():
                found[pid] = (os.stat(f"/proc/{pid}").st_uid, line)
    return found


def status_of(pid: int) -> str:
    """Return what the kernel says of a process; nothing when it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/status").read_text()
    return ""


def dial(server: Server, **changes):
    """Return an SSH connection as the device makes it, but for the changes."""
    own = settings.load(server.data / "singlecell_config.py")
    user, _, address = own.untrusted_accounts[0].partition("@")
    host, _, port = address.partition(":")
    client = paramiko.SSHClient()
    client.load_host_keys(own.ssh_known_hosts_file)
    options = {"username": user, "key_filename": own.ssh_key_file, "allow_agent": False, "look_for_keys": False}
    client.connect(host, int(port), timeout=SSH_S, **options | changes)
    return client


def test_only_launcher_and_sshd_are_root(server):
    """What is being started is root's for a moment."""

    def others() -> list[str]:
        names = [line for uid, line in processes(server).values() if uid == 0]
        return [name for name in names if not name.endswith("-m host") and not name.startswith("sshd:")]

    wait_for(lambda: not others())


@pytest.mark.parametrize("left", ["of its name", "that it owns"])
def test_root_refuses_to_start_while_the_account_has_jobs_of_its_own(tmp_path, monkeypatch, left):
    account = Account.named(UNTRUSTED)
    monkeypatch.setattr(accounts, "JOBS", (tmp_path / "nowhere", tmp_path))
    (tmp_path / "of another account").touch()
    accounts.refuse_jobs(account)
    job = tmp_path / (UNTRUSTED if left == "of its name" else "a0000101b2c3d4")
    job.touch()
    os.chown(job, 0 if left == "of its name" else account.uid, 0)
    with pytest.raises(HostError, match=f"has a job of its own, {job}"):
        accounts.make_untrusted()


@pytest.mark.parametrize("part", ["mongod --dbpath", "uwsgi --http-socket", "trusted_db.py"])
def test_our_own_programs_run_as_the_trusted_account(server, part):
    owners = {uid for uid, line in processes(server).values() if part in line}
    assert owners == {pwd.getpwnam(TRUSTED).pw_uid}


def test_cells_run_below_the_untrusted_account(server):
    owners = {uid for uid, line in processes(server).values() if "untrusted.worker.zygote" in line}
    assert owners == {pwd.getpwnam(UNTRUSTED).pw_uid}


def test_the_parts_cannot_gain_rights(server):
    for pid, (_, line) in processes(server).items():
        if any(part in line for part in ("mongod --dbpath", "uwsgi --http-socket", "trusted_db.py")):
            status = status_of(pid)
            assert not status or "NoNewPrivs:\t1" in status, line
            assert not status or "CapEff:\t0000000000000000" in status, line


def test_the_untrusted_account_has_no_password_and_no_other_groups():
    entry = pwd.getpwnam(UNTRUSTED)
    assert os.getgrouplist(UNTRUSTED, entry.pw_gid) == [entry.pw_gid]
    shadow = [line.split(":") for line in Path("/etc/shadow").read_text().splitlines()]
    assert [fields[1] for fields in shadow if fields[0] == UNTRUSTED] == ["*"]


def test_the_trusted_account_cannot_log_in():
    assert pwd.getpwnam(TRUSTED).pw_shell.endswith("nologin")


@pytest.mark.parametrize(
    "path", ["", "mongo", "ssh/device_key", "ssh/host_key", "singlecell_config.py", "logs/server.log"]
)
def test_the_untrusted_account_reads_nothing_of_the_data(server, path):
    target = server.data / path
    assert target.exists()
    assert as_untrusted("ls", str(target)).returncode != 0
    assert as_untrusted("cat", str(target)).returncode != 0


def test_the_untrusted_account_reads_nothing_of_the_code_that_the_parts_run(server):
    device = find_part(server.process, "trusted_db.py")  # what it forks has its command line for a moment
    app = os.readlink(f"/proc/{device}/cwd")
    assert (Path(app) / "settings.py").exists()
    assert as_untrusted("cat", f"{app}/settings.py").returncode != 0


def test_the_untrusted_account_cannot_knock_at_the_database(server):
    files = list((server.data / "mongo").rglob("*.sock"))
    assert files
    knock = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    for file in files:
        with socket.socket(socket.AF_UNIX) as ours:
            ours.connect(str(file))
        answer = as_untrusted("/usr/bin/python3", "-c", knock, str(file))
        assert "PermissionError" in answer.stderr


@pytest.mark.parametrize("name", ["environ", "maps", "mem", "fd", "cwd"])
def test_the_untrusted_account_sees_nothing_of_the_trusted_processes(server, name):
    for pid, (_, line) in processes(server).items():
        if any(part in line for part in ("mongod --dbpath", "uwsgi --http-socket", "trusted_db.py", "-m host")):
            assert as_untrusted("ls", f"/proc/{pid}/{name}/").returncode != 0
            assert as_untrusted("cat", f"/proc/{pid}/{name}").returncode != 0
            assert as_untrusted("kill", "-0", str(pid)).returncode != 0


def test_the_untrusted_account_cannot_change_its_python_or_its_home(server):
    own = settings.load(server.data / "singlecell_config.py")
    python = Path(own.environments_directory, "untrusted", "bin", "python")
    assert as_untrusted(str(python), "-c", "import numpy").returncode == 0
    for place in (python.parent, pwd.getpwnam(UNTRUSTED).pw_dir):
        assert as_untrusted("touch", f"{place}/new").returncode != 0


def test_the_device_key_opens_the_door(server):
    with dial(server) as client:
        _stdin, stdout, _stderr = client.exec_command("id -un")
        assert stdout.read().decode().strip() == UNTRUSTED


def test_another_key_is_refused(server, tmp_path):
    other = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    with pytest.raises(paramiko.AuthenticationException):
        dial(server, key_filename=str(other))


@pytest.mark.parametrize("account", ["root", TRUSTED, "nobody"])
def test_the_key_opens_no_other_account(server, account):
    with pytest.raises(paramiko.AuthenticationException):
        dial(server, username=account)


def test_passwords_are_refused(server):
    with pytest.raises(paramiko.SSHException):
        dial(server, key_filename=None, password="*")


def test_the_door_gives_no_terminal(server):
    with dial(server) as client, pytest.raises(paramiko.SSHException):
        client.get_transport().open_session(timeout=SSH_S).get_pty()


def test_the_door_forwards_no_port(server):
    with dial(server) as client, pytest.raises(paramiko.ChannelException):
        client.get_transport().open_channel("direct-tcpip", ("127.0.0.1", server.port), ("127.0.0.1", 1), timeout=SSH_S)


def test_the_control_groups_belong_to_the_untrusted_account(server):
    named = settings.load(server.data / "singlecell_config.py").cgroup_directory
    if not named:
        pytest.skip("this kernel gives root no control groups with memory and pids to hand on")
    for part in named.split(","):
        assert Path(part.rpartition("=")[2]).owner() == UNTRUSTED
