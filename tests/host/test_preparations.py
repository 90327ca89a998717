"""Before the services start, their settings, copy of the code and control groups are made, and packages are locked."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import settings
from harness.server import ROOT
from host import accounts, cgroups, copies, generated
from host.errors import EXIT_SETTINGS, HostError
from host.layout import Account

LOCKS = ("trusted", "untrusted", "tests", "tools", "sage")


def test_the_parts_read_the_settings_of_the_host(tmp_path):
    file = tmp_path / "made.py"
    generated.write(file, generated.load(mongo_password='a "quoted" \\ one', workers=7), Account.ours())
    read = settings.load(file)
    assert (read.mongo_password, read.workers) == ('a "quoted" \\ one', 7)
    assert file.stat().st_mode & 0o077 == 0


def test_a_wrong_setting_is_a_sentence(monkeypatch):
    with pytest.raises(HostError, match="workers") as error:
        generated.load(workers=-1)
    assert error.value.exit_code == EXIT_SETTINGS


@pytest.mark.root
def test_the_copy_of_the_code_is_for_the_trusted_account_alone(tmp_path):
    trusted = accounts.make_trusted()
    copy = copies.copy_app(tmp_path / "app", trusted)
    for path in (copy, *copy.rglob("*")):
        status = path.stat()
        assert (status.st_uid, status.st_gid) == (0, trusted.gid), path
        assert status.st_mode & 0o027 == 0, path
    assert (copy / "web_server.py").read_bytes() == (ROOT / "web_server.py").read_bytes()
    assert not (copy / "host").exists()
    assert not (copy / "tests").exists()


@pytest.mark.root
def test_a_copy_that_nobody_runs_is_removed_and_one_in_use_is_not(tmp_path):
    trusted, parent = accounts.make_trusted(), tmp_path / "app"
    (parent / "unused").mkdir(parents=True)
    (parent / "used").mkdir()
    with subprocess.Popen(["flock", "--shared", str(parent / "used"), "sleep", "1000"]) as holder:
        try:
            while subprocess.run(["flock", "-n", str(parent / "used"), "true"], check=False).returncode == 0:
                pass
            copy = copies.copy_app(parent, trusted)
        finally:
            holder.kill()
    assert {path.name for path in parent.iterdir()} == {"used", copy.name}


@pytest.mark.root
def test_a_copy_that_another_launcher_removes_before_it_is_held_is_made_anew(tmp_path, monkeypatch):
    lock, removed = copies._lock, []

    def lock_late(directory: Path, kind: int) -> int:
        descriptor = lock(directory, kind)
        if directory.suffix == "" and len(removed) < 2:  # as who holds it alone, and whom we have waited for
            shutil.rmtree(directory)
            removed.append(directory)
        return descriptor

    monkeypatch.setattr(copies, "_lock", lock_late)
    copy = copies.copy_app(tmp_path / "app", accounts.make_trusted())
    assert removed == [copy, copy] and (copy / "web_server.py").exists()


@pytest.mark.root
def test_control_groups_are_made_and_removed():
    groups = cgroups.make_groups(accounts.make_untrusted())
    if groups == cgroups.NONE:
        pytest.skip("this kernel gives root no control groups with memory and pids to hand on")
    (groups.directories[0] / "session").mkdir()
    # In cgroup v1 one process beside the group weighs 1024.
    assert all(int(path.read_text()) > 1024 for one in groups.directories for path in one.glob("cpu.shares"))
    assert all(directory.owner() == accounts.UNTRUSTED for directory in groups.directories)
    before = own_groups()
    if groups.parts is not None:  # and the server's own parts weigh more than all cells together
        assert groups.parts.name in before
        (cells,) = (path for one in groups.directories for path in one.glob("cpu.shares"))
        assert int((groups.parts / "cpu.shares").read_text()) > int(cells.read_text())
    groups.remove()
    assert not any(directory.exists() for directory in groups.directories)
    assert groups.parts is None or (own_groups() != before and not groups.parts.exists())


def own_groups() -> str:
    return Path("/proc/self/cgroup").read_text()


@pytest.mark.root
def test_control_groups_of_a_killed_launcher_are_swept():
    held = cgroups.make_groups(accounts.make_untrusted())
    if held == cgroups.NONE:
        pytest.skip("this kernel gives root no control groups with memory and pids to hand on")
    left = held.directories[0].with_name(f"{cgroups.NAME}left")
    left.mkdir()
    cgroups.make_groups(accounts.make_untrusted()).remove()
    assert not left.exists()
    assert all(directory.exists() for directory in held.directories)
    held.remove()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_every_package_with_hashes_and_names_no_registry(name):
    lock = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links", lock)
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==\S+.*\\\n +--hash=sha256:", lock, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^\S", lock, re.MULTILINE)) - lock.count("\n#") - lock.startswith("#")
    for line in (ROOT / "requirements" / f"{name}.in").read_text().splitlines():
        wanted = re.match(r"[A-Za-z0-9._-]+", line)
        if wanted and not line.startswith("-r"):
            assert wanted.group().lower().replace("_", "-") in pinned


def test_the_bootstrap_is_plain_shell():
    for shell in ("dash", "bash --posix"):
        for script in sorted(path.name for path in (ROOT / "deploy").glob("*.sh") if path.name != "try-in-vm.sh"):
            if Path(f"/bin/{shell.split()[0]}").exists():
                subprocess.run([*shell.split(), "-n", str(ROOT / "deploy" / script)], check=True)
    assert os.access(ROOT / "deploy" / "bootstrap.sh", os.X_OK)
