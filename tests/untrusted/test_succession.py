"""A supervisor whose device has gone keeps what it may for the next one, and for nobody else."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

import wire
from harness.processes import all_end, stands_still, untrusted_python, wait_for
from harness.supervisor import LIGHT, Supervisor, ship
from untrusted.inheritance import digest_of, socket_name

KEY = "a key that only the trusted side has"
ENDED_S = 30.0
Start = Callable[..., Supervisor]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return what starts a supervisor beside those before it, in a folder of its own."""
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory())
        os.chmod(place, 0o755)

        def start(**config: Any) -> Supervisor:
            folder = Path(tempfile.mkdtemp(dir=place))
            supervisor = Supervisor(ship(folder), untrusted_python(), heir_key=KEY, languages=(LIGHT,), **config)
            supervisor.folder = folder
            stack.callback(lambda: supervisor.log.closed or end(supervisor))
            assert supervisor.answer.get("listening") == supervisor.port, supervisor.answer
            supervisor.ready()
            return supervisor

        yield start


def end(supervisor: Supervisor) -> None:
    """End it, if its device has not died, with all that it keeps."""
    with suppress(ValueError, OSError):
        supervisor.process.stdin.write(wire.END_WORD)
        supervisor.process.stdin.flush()
    supervisor.stop()


def leave(supervisor: Supervisor) -> None:
    """Let its device die."""
    supervisor.process.stdin.close()


def heir_of(start: Start, *sessions: str, key: str = KEY, **config: Any) -> Supervisor:
    """Start what goes on with these sessions."""
    return start(inherits=[wire.Inheritance(key, list(sessions))], **config)


def result(supervisor: Supervisor, computation: str) -> str:
    """Return the value of a computation that is over."""
    found = [content for kind, content in supervisor.messages(computation) if kind == "execute_result"]
    return found[-1]["data"]["text/plain"]


def test_a_kept_session_goes_on_with_the_next_device(start):
    first = start()
    first.run("kept", "1", "x = 41", last=False)
    first.run("other", "2", "x = 1", last=False)
    leave(first)
    second = heir_of(start, "kept", "never was")
    assert second.answer["inherited"] == 0
    assert wire.Closed("never was", "session_gone") in second.heard
    second.run("kept", "3", "x += 1; x", opened=True, last=False)
    assert result(second, "3") == "42"
    assert {frame.session for frame in second.heard if isinstance(frame, (wire.Output, wire.Closed))} == {
        "kept", "never was"
    }  # fmt: skip
    # Places are counted as the device counts them: two of four are opened, and both have gone or stay.
    credit = [frame.granted for frame in second.heard if isinstance(frame, wire.Credit)][-1]
    assert credit == 2 + 4 - 1
    with all_end([first.process.pid], ENDED_S):
        leave(second)
        third = heir_of(start, "kept")
        assert third.answer["inherited"] == 0
        third.run("kept", "4", "x", opened=True)
        assert result(third, "4") == "42"
        end(third)


def test_an_heir_that_comes_in_the_moment_in_which_the_device_goes_is_taken(start):
    first = start()
    first.run("kept", "1", "x = 41", last=False)
    path = str(first.folder / socket_name(digest_of(KEY)))
    first.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: stands_still(first.process.pid))
    leave(first)

    def go_on() -> None:
        # The heir has connected when there is a socket of this path beside the one that listens.
        wait_for(lambda: Path("/proc/net/unix").read_text().count(path) > 1)
        first.process.send_signal(signal.SIGCONT)

    with ThreadPoolExecutor(1) as waker:
        going_on = waker.submit(go_on)
        second = heir_of(start, "kept")
        going_on.result(ENDED_S)
    assert second.answer.get("inherited") == 0
    second.run("kept", "2", "x", opened=True)
    assert result(second, "2") == "41"


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_an_heir_may_have_fewer_or_more_places(start, workers):
    first = start(workers=2)
    first.run("one", "1", "x = 41", last=False)
    first.run("two", "2", "x = 42", last=False)
    leave(first)
    second = heir_of(start, "one", "two", workers=workers)
    assert second.answer["inherited"] == 0

    def granted() -> int:
        return max(frame.granted for frame in second.heard if isinstance(frame, wire.Credit))

    # Two are opened, and take two places of those that there are now.
    assert granted() == workers
    second.send(wire.Close("one"))
    second.wait(lambda _: granted() == workers + 1)


def test_a_turn_that_runs_when_its_device_dies_is_interrupted_and_says_nothing_more(start):
    first = start()
    first.run("kept", "1", "n = 0", last=False)
    code = "import time\nwhile True:\n    n += 1\n    print(n)\n    time.sleep(.01)"
    first.send(wire.Execute("kept", "2", code, True, False))
    first.wait(lambda _: first.text("2") != "")
    leave(first)
    second = heir_of(start, "kept")
    second.run("kept", "3", "n > 0", opened=True)
    assert result(second, "3") == "True"
    assert not second.messages("2")


def test_a_turn_that_does_not_obey_ends_its_session_and_no_other(start):
    first = start()
    first.run("deaf", "1", "x = 1", last=False)
    first.run("kept", "2", "x = 7", last=False)
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('in', flush=True)\nwhile True:\n    pass"
    first.send(wire.Execute("deaf", "3", code, True, False))
    first.wait(lambda frame: isinstance(frame, wire.Output) and first.text("3") == "in\n")
    leave(first)
    second = heir_of(start, "deaf", "kept")
    assert wire.Closed("deaf", "session_gone") in second.heard
    second.run("kept", "4", "x", opened=True)
    assert result(second, "4") == "7"


@pytest.mark.parametrize("config", [{"key": "another key"}, {"pool_ready": 2}], ids=["key", "settings"])
def test_who_has_another_key_or_other_settings_does_not_get_the_sessions(start, config):
    first = start(session_grace_s=3.0)
    first.run("kept", "1", "x = 41", last=False)
    leave(first)
    with all_end([first.process.pid], ENDED_S):
        second = heir_of(start, "kept", session_grace_s=3.0, **config)
        assert "inherited" not in second.answer


def test_nobody_takes_sessions_from_a_device_that_lives(start):
    first = start()
    first.run("kept", "1", "x = 41", last=False)
    assert "inherited" not in heir_of(start, "kept").answer
    first.run("kept", "2", "x", opened=True)
    assert result(first, "2") == "41"


@pytest.mark.parametrize(
    ("keeps", "word", "grace_s"), [(False, b"", 600.0), (True, wire.END_WORD, 600.0), (True, b"", 0.5)],
    ids=["nothing is kept", "it is told to", "nobody comes in time"],
)  # fmt: skip
def test_a_supervisor_ends_when(start, keeps, word, grace_s):
    first = start(session_grace_s=grace_s)
    first.run("one", "1", "x = 41", last=not keeps)
    if word:
        first.process.stdin.write(word)
    leave(first)
    first.process.wait(ENDED_S)


def test_a_session_does_not_see_where_heirs_come_in(start):
    first = start()
    path = first.folder / socket_name(digest_of(KEY))
    assert path.is_socket() and path.stat().st_mode & 0o777 == 0o600
    code = f"import socket\nsocket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect({str(path)!r})"
    first.run("one", "1", code)
    (error,) = [content for kind, content in first.messages("1") if kind == "error"]
    assert error["ename"] == "FileNotFoundError"
