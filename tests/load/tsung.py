"""Run the real Tsung: by itself, in a directory of its own, reachable from this machine's loopback alone.

Tsung is an Erlang program, and an Erlang node obeys whoever knows its cookie. Hence a new cookie for each run, a port
mapper (epmd) of our own on a loopback port, no web page, and as root the account nobody.
"""

from __future__ import annotations

import os
import re
import resource
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from harness.processes import Process, start
from harness.server import free_port
from host.layout import Account
from tests.load import scenario
from tests.load.options import BadOption, Options

PROGRAMS = ("tsung", "epmd", "perl")
START_S = 20.0
STOP_S = 10.0
LOOK_S = 2.0
# A student that came last may still wait for an answer, and then for a few more.
DRAIN_S = 3 * scenario.ANSWER_S_MAX
# Files that Tsung holds beside one connection for each student.
FILES_BESIDE = 200
ADDRESS = "127.0.0.1"
TOTAL = re.compile(r"^stats: (users_count|request|finish_users_count|newphase) .*?(\d+)$", re.MULTILINE)


def missing() -> list[str]:
    """Return what this machine lacks for Tsung."""
    return [name for name in PROGRAMS if not shutil.which(name)]


def raise_limits(users: int) -> None:
    """Allow as many open files as so many students need, here and in what is started from here. Raises BadOption."""
    needed = users + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return
    if hard < needed:
        most = int(Path("/proc/sys/fs/nr_open").read_text()) if os.geteuid() == 0 else hard
        if most < needed:
            raise BadOption(
                f"{users} students need {needed} open files and only {most} are allowed; choose fewer USERS"
            )
        hard = needed
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def run(
    options: Options, folder: Path, say: Callable[[str], None], watch: Callable[[int], AbstractContextManager[object]]
) -> None:
    """Let the students come and wait until the last one has left; leave Tsung's logs in ``folder``.

    ``watch`` gets Tsung's process id, and lasts from the first student to the last. Raises AssertionError with Tsung's
    last words when it ends before the students have left.
    """
    account = Account.named("nobody") if os.geteuid() == 0 else Account.ours()
    with _workplace(account) as work:
        (work / "tsung.xml").write_text(scenario.render(options))
        with _port_mapper(account) as environment:
            process = Process(["sh", "-c", account.command(_argv(work))], {**environment, "HOME": str(work)}, work)
            try:
                process.wait_for(lambda: _log(work), "its log", START_S)
                with watch(process.pid):
                    _follow(process, work, options, say)
            finally:
                _end(process)
                _collect(work, folder)


def _argv(work: Path) -> list[str]:
    # Tsung makes its cookie of the id; -n: no web page; -I: the address in the node's name.
    secret = secrets.token_hex(16)
    return ["tsung", "-n", "-I", ADDRESS, "-i", secret, "-f", str(work / "tsung.xml"), "-l", str(work / "log"), "start"]


@contextmanager
def _workplace(account: Account) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tsung-") as directory:
        work = Path(directory)
        (work / "log").mkdir()
        for path in (work, work / "log"):
            os.chown(path, account.uid, account.gid)
        yield work


@contextmanager
def _port_mapper(account: Account) -> Iterator[dict[str, str]]:
    port = str(free_port())
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ERL_")}
    environment = {**ours, "ERL_EPMD_ADDRESS": ADDRESS, "ERL_EPMD_PORT": port}
    flags = f"-start_epmd false -kernel inet_dist_use_interface {{{ADDRESS.replace('.', ',')}}}"
    flags += f" -tsung_controller dumpstats_interval {round(1000 * LOOK_S)}"
    # In a session of its own, and gone when we are.
    argv = ["sh", "-c", account.command(["epmd", "-address", ADDRESS, "-port", port])]
    with start(argv, ready=lambda: _listens(port), deadline_s=START_S, env=environment):
        yield {**environment, "ERL_FLAGS": flags}


def _listens(port: str) -> bool:
    listening = f":{int(port):04X} 00000000:0000 0A"
    return listening in Path("/proc/net/tcp").read_text()


def _follow(process: Process, work: Path, options: Options, say: Callable[[str], None]) -> None:
    began = said = time.monotonic()
    while process.exit_code is None:
        now = time.monotonic()
        if now - began > options.seconds + DRAIN_S:
            say("some students have waited too long for an answer: stopped")
            return
        if now - said >= max(LOOK_S, options.seconds / 20):
            said = now
            say(f"{now - began:4.0f} s: {progress(_log(work))}")
        time.sleep(0.1)
    if process.exit_code or "EndMonitor" not in _log(work):
        raise AssertionError(f"Tsung ended with {process.exit_code}:\n{process.output}{process.log}{_errors(work)}")


def progress(log: str) -> str:
    """Return in words how far Tsung's log has come."""
    totals = {name: int(total) for name, total in TOTAL.findall(log)}
    answers = totals.get("request", 0)
    if totals.get("newphase"):
        return f"all students have left after {answers} answers; Tsung writes its logs"
    came, left = totals.get("users_count", 0), totals.get("finish_users_count", 0)
    return f"students: {came} came, {left} left, {came - left} are here; {answers} answers"


def _log(work: Path) -> str:
    return "".join(path.read_text() for path in work.glob("log/*/tsung.log"))


def _errors(work: Path) -> str:
    return "".join(path.read_text(errors="replace")[-2000:] for path in work.glob("log/*/tsung_controller*.log"))


def _end(process: Process) -> None:
    """End what is left: Tsung's script does not hand a signal on to Erlang, so all of the group get it."""
    if process.exit_code is None:
        process.signal_group(signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        while process.descendants() and time.monotonic() < deadline:
            time.sleep(0.1)
    process.stop()


def _collect(work: Path, folder: Path) -> None:
    for log in work.glob("log/*"):
        for path in log.iterdir():
            shutil.copyfile(path, folder / path.name)
