"""Sessions for tests: source that runs inside a real, locked-down session, started by an account that is not root."""

from __future__ import annotations

import json
import os
import platform
import pwd
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.processes import tied, untrusted_python
from host import cgroups
from host.layout import Account

RUN_INSIDE = Path(__file__).parent / "run_inside.py"
ACCOUNT = "sandboxtest"
DEADLINE_S = 90.0
CONTROLLERS = ("memory", "pids", "cpu", "cpuacct")
x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")


@pytest.fixture(scope="session")
def account() -> dict:
    """Return what ``subprocess`` needs to start the untrusted side: another account, where the tests run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT], check=True)
        entry = pwd.getpwnam(ACCOUNT)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def python() -> str:
    """Return the interpreter of the untrusted environment."""
    return untrusted_python()


@pytest.fixture(scope="session")
def start(account: dict, python: str) -> Callable[..., subprocess.Popen]:
    """Return a function that starts a job of ``run_inside.py`` and returns the process."""

    def start(source: str, **job: object) -> subprocess.Popen:
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/home/cell", "OPENBLAS_NUM_THREADS": "1"}
        environment |= job.pop("environment", {})  # type: ignore[arg-type]
        process = subprocess.Popen(
            tied([python, "-B", RUN_INSIDE]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/",
            env=environment, **account,
        )  # fmt: skip
        assert process.stdin is not None
        if job.get("limiter") == "cgroup2":
            # A process can be moved only by who owns the common parent of both groups.
            Path(str(job["cgroup_directory"]), cgroups.ENTRANCE, "cgroup.procs").write_text(str(process.pid))
        process.stdin.write(json.dumps({"source": source, **job}) + "\n")
        process.stdin.flush()
        return process

    return start


@pytest.fixture(scope="session")
def session(start: Callable[..., subprocess.Popen]) -> Callable[..., SimpleNamespace]:
    """Return a function that runs source in a session and returns what came of it.

    ``reported`` is what the source handed to ``report`` (None without), beside what ``run_inside.py`` answers.
    """

    def session(source: str, **job: object) -> SimpleNamespace:
        process = start(source, **job)
        out, _err = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, out
        answer = json.loads(out.splitlines()[-1])
        first = answer["said"].splitlines()[0] if answer["said"] else "null"
        try:
            reported = json.loads(first)
        except ValueError:
            reported = None
        assert not (isinstance(reported, dict) and "error" in reported), reported["error"]
        return SimpleNamespace(reported=reported, **answer)

    return session


def source_of(attempts: dict[str, str], setup: str = "") -> str:
    """Return source that makes attempts and reports each one's answer: an errno's name or "ok"."""
    return f"""
import ctypes, errno, os, signal, socket, struct, sys
{setup}
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result
answers = {{}}
for name, attempt in {attempts!r}.items():
    try:
        exec(attempt)
        answers[name] = "ok"
    except OSError as error:
        answers[name] = errno.errorcode.get(error.errno, str(error.errno))
    except Exception as error:
        answers[name] = type(error).__name__
report(answers)
"""


@pytest.fixture(scope="session")
def errno_of(session: Callable[..., SimpleNamespace]) -> Callable[..., dict[str, str]]:
    """Return a function that makes attempts in one session and returns each one's answer: an errno's name or "ok"."""

    def errno_of(attempts: dict[str, str], setup: str = "", **job: object) -> dict[str, str]:
        return session(source_of(attempts, setup), **job).reported

    return errno_of


@pytest.fixture(scope="session")
def cgroup1_directory(account: dict) -> Iterator[str]:
    """Return cgroup v1 directories given to the account, as a host does as root; skip where that cannot be."""
    if os.geteuid() != 0 or not all(Path(f"/sys/fs/cgroup/{name}/tasks").exists() for name in CONTROLLERS):
        pytest.skip("cgroup v1 needs root, and a machine that has it")
    directories = {name: Path(f"/sys/fs/cgroup/{name}/sandbox-test-{os.getpid()}") for name in CONTROLLERS}
    for directory in directories.values():
        directory.mkdir()
        os.chown(directory, account["user"], account["group"])
        for file in ("cgroup.procs", "tasks"):
            os.chown(directory / file, account["user"], account["group"])
    yield ",".join(f"{name}={directory}" for name, directory in directories.items())
    left = [str(child) for directory in directories.values() for child in directory.iterdir() if child.is_dir()]
    for directory in directories.values():
        directory.rmdir()
    assert not left


@pytest.fixture(scope="session")
def cgroup2_directory(account: dict) -> Iterator[str]:
    """Return a cgroup v2 directory given to the account, as a host does as root; skip where that cannot be."""
    if os.geteuid() != 0:
        pytest.skip("cgroup v2 needs root")
    groups = cgroups.make_groups(Account(ACCOUNT, account["user"], account["group"], is_ours=False))
    try:
        if groups.entrance is None:
            pytest.skip("this machine has no cgroup v2 with memory, pids and cpu")
        yield groups.setting
        left = [d.name for d in groups.directories[0].iterdir() if d.is_dir() and d.name != cgroups.ENTRANCE]
        assert left in ([], ["supervisor"])
    finally:
        groups.remove()
