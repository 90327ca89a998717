"""Languages of one account come and go by themselves: a slow one holds nothing up, a dead one is taken back."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import wire
from harness.processes import all_end, untrusted_python
from harness.supervisor import Supervisor, ship
from host import descendants
from untrusted.languages import Language
from untrusted.supervisor.pool import NO_HOME, STARTING_MAX, Pool

# Two languages with nothing of their own but a library. That of the slow one loads until a file says that it is done,
# or dies when another says so.
LANGUAGE = """
from untrusted.languages import Language
LANGUAGE = Language(name="{0}", version=lambda: "1", preload=("untrusted.languages.{0}_library",))
"""
LIBRARY = """
import os, time
while not os.path.exists({loaded!r}):
    if os.path.exists({dies!r}):
        os._exit(1)
    time.sleep(0.01)
"""
TAKEN_BACK = [("quick", "ready"), ("slow", "failed")]


class Slow:
    """A supervisor of a quick and a slow language, and the files that the latter waits for."""

    def __init__(self, folder: Path, languages: tuple[str, ...] = ("quick", "slow"), loading_s_max: float = 60) -> None:
        self.loaded, self.dies = folder / "loaded", folder / "dies"
        place = ship(folder) / "untrusted" / "languages"
        pool = folder / "untrusted" / "supervisor" / "pool.py"
        pool.write_text(pool.read_text().replace("LOADING_S_MAX = 300.0", f"LOADING_S_MAX = {loading_s_max}"))
        for name in ("quick", "slow"):
            (place / f"{name}.py").write_text(LANGUAGE.format(name))
        (place / "quick_library.py").touch()
        (place / "slow_library.py").write_text(LIBRARY.format(loaded=str(self.loaded), dies=str(self.dies)))
        self.supervisor = Supervisor(folder, untrusted_python(), languages=languages)
        self.supervisor.send(wire.Ping(1))
        self.hello = states(self.supervisor.wait(lambda frame: isinstance(frame, wire.Hello)))

    def wait_until(self, state: str) -> None:
        """Return when the device has been told that the slow language has come to a state."""
        self.supervisor.wait(lambda frame: isinstance(frame, wire.Languages) and states(frame)[1] == ("slow", state))

    def kill_zygote(self) -> None:
        """Kill the slow language's zygote; return when the workers that it has forked have ended by themselves."""
        pids = [pid for pid in descendants.find(self.supervisor.process.pid) if command(pid)[-1:] == [b"slow"]]
        zygote = min(pids, key=birth)
        with all_end(descendants.find(zygote)):
            os.kill(zygote, signal.SIGKILL)


def states(frame: wire.Up) -> list[tuple[str, str]]:
    """Return the languages of a frame with their states."""
    assert isinstance(frame, (wire.Hello, wire.Languages))
    return [(report.name, report.state) for report in frame.languages]


def command(pid: int) -> list[bytes]:
    """Return the arguments of a process; none of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def birth(pid: int) -> int:
    """Return when a process began, in ticks since the machine's start."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


@pytest.fixture(scope="module")
def slow() -> Iterator[Slow]:
    """A supervisor whose slow language has not been loaded yet; the tests below go on from each other."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        started = Slow(Path(folder))
        yield started
        started.supervisor.stop()


def test_a_language_that_loads_slowly_keeps_no_other_waiting(slow: Slow) -> None:
    assert slow.hello == [("quick", "ready"), ("slow", "loading")]
    assert slow.supervisor.run("s1", "c1", "1", language="quick").state == "done"


def test_sessions_and_questions_wait_for_it_until_it_comes(slow: Slow) -> None:
    supervisor = slow.supervisor
    supervisor.send(wire.Open("s2", "slow"), wire.Execute("s2", "c2", "print('here')", True, True))
    supervisor.send(wire.Introspect(1, "", "slow", "complete", "pri", 3), wire.Ping(2))
    supervisor.wait(lambda frame: isinstance(frame, wire.Pong) and frame.number == 2)
    slow.loaded.touch()
    slow.wait_until("ready")
    ends = {}
    while len(ends) < 2:
        end = supervisor.wait(lambda frame: isinstance(frame, (wire.Finished, wire.IntrospectReply)))
        ends[type(end)] = end
    assert ends[wire.Finished].state == "done" and supervisor.text("c2") == "here\n"
    assert ends[wire.IntrospectReply].status == "ok"


def test_what_dies_for_good_is_taken_back_and_what_waits_for_it_ends(slow: Slow) -> None:
    supervisor = slow.supervisor
    slow.loaded.unlink()
    slow.kill_zygote()
    slow.wait_until("loading")
    supervisor.send(wire.Open("s3", "slow"), wire.Execute("s3", "c3", "1", True, True))
    supervisor.send(wire.Introspect(2, "", "slow", "complete", "pri", 3), wire.Ping(3))
    supervisor.wait(lambda frame: isinstance(frame, wire.Pong) and frame.number == 3)
    slow.dies.touch()
    slow.wait_until("failed")
    closed, gone = wire.Closed("s3", "kernel_died"), wire.IntrospectReply(2, "gone", b"{}")
    for expected in (closed, gone):
        assert expected in supervisor.heard or supervisor.wait(lambda frame, expected=expected: frame == expected)
    told = [isinstance(frame, wire.Languages) and states(frame) == TAKEN_BACK for frame in supervisor.heard]
    assert told.index(True) < supervisor.heard.index(closed), "it would be sent here again at once"
    assert supervisor.run("s4", "c4", "1", language="quick").state == "done"


def test_what_comes_back_is_offered_again(slow: Slow) -> None:
    slow.dies.unlink()
    slow.loaded.touch()
    slow.wait_until("ready")
    assert slow.supervisor.run("s5", "c5", "1", language="slow").state == "done"


class Silent(Pool):
    """The pool of a zygote that has loaded its language and does not answer yet. ``theirs``: its end of the orders."""

    def _start(self) -> None:
        self.orders, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.alive = self.warm = True


def test_however_many_workers_are_wanted_few_are_made_ready_at_once() -> None:
    language, plan = Language("silent", lambda: "1"), SimpleNamespace(gvisor=None)
    pool = Silent(language, SimpleNamespace(python="", limits=None), plan, None, 1, NO_HOME)  # type: ignore[arg-type]
    with pool.orders, pool.theirs:
        for wanted in (STARTING_MAX - 2, STARTING_MAX - 1, STARTING_MAX, 40):
            pool.refill(wanted)
            assert len(pool._expected) == min(1 + wanted, STARTING_MAX)
        for ours in itertools.chain.from_iterable(pool._expected):
            ours.close()


class Dying(Pool):
    """The pool of a zygote that has just died, which nobody has heard yet."""

    def _start(self) -> None:
        self.orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.close()
        self.alive = self.warm = True


def test_workers_that_are_wanted_of_a_zygote_that_has_just_died_do_no_harm() -> None:
    language, plan = Language("dying", lambda: "1"), SimpleNamespace(gvisor=None)
    pool = Dying(language, SimpleNamespace(python="", limits=None), plan, None, 2, NO_HOME)  # type: ignore[arg-type]
    pool.refill(1)
    with pool.orders, pytest.raises(EOFError):
        pool.hear()


APART = """
from untrusted.languages import Language
LANGUAGE = Language(name="apart", version=lambda: "1", trees=({environment!r},))
"""


def test_an_environment_that_is_removed_takes_its_language_back_and_no_other() -> None:
    environment = Path(untrusted_python()).parents[1].resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        place = ship(Path(folder)) / "untrusted" / "languages" / "apart.py"
        place.write_text(APART.format(environment=str(environment)))
        # An environment that can be taken away: its Python and its packages are those of the other.
        own = Path(folder) / "own"
        (own / "bin").mkdir(parents=True)
        (own / "bin" / "python").symlink_to(environment / "bin" / "python")
        (own / "lib").symlink_to(environment / "lib")
        shutil.copy(environment / "pyvenv.cfg", own)
        supervisor = Supervisor(Path(folder), untrusted_python(), languages=("python", "apart"),
                                pythons={"apart": str(own / "bin" / "python")})  # fmt: skip
        supervisor.send(wire.Ping(1))
        wait_for(supervisor, "apart", "ready")
        assert supervisor.run("s1", "c1", "x = 6", last=False, language="apart").state == "done"
        own.rename(own.with_name("gone"))
        zygote = min((pid for pid in descendants.find(supervisor.process.pid) if b"apart" in command(pid)), key=birth)
        os.kill(zygote, signal.SIGKILL)
        wait_for(supervisor, "apart", "failed")
        assert supervisor.run("s2", "c2", "print('there')").state == "done"
        own.with_name("gone").rename(own)
        wait_for(supervisor, "apart", "ready")
        assert supervisor.run("s3", "c3", "1", language="apart").state == "done"
        supervisor.stop()


def wait_for(supervisor: Supervisor, name: str, state: str) -> None:
    """Return when the device has been told that a language has come to a state."""
    supervisor.wait(
        lambda frame: isinstance(frame, (wire.Hello, wire.Languages)) and (name, state) in states(frame)
    )


def test_a_language_that_never_comes_to_the_end_of_loading_is_given_up() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        started = Slow(Path(folder), ("slow",), loading_s_max=0.5)
        assert started.hello == [("slow", "failed")]
        started.supervisor.stop()
