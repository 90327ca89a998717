"""A kernel that does not start is taken back with its reason in the log, and no other language notices."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import wire
from harness.supervisor import Supervisor
from tests.untrusted.foreign.conftest import odd_supervisor, put
from tests.untrusted.foreign.test_foreign_kernel import Conversation


def log_of(supervisor: Supervisor) -> str:
    """Return what the supervisor and its zygotes have logged so far."""
    supervisor.log.flush()
    return Path(supervisor.log.name).read_text()


def wait_for_state(supervisor: Supervisor, name: str, state: str) -> None:
    """Return when the device has been told that a language has come to this state."""
    supervisor.wait(
        lambda frame: isinstance(frame, (wire.Hello, wire.Languages))
        and any((report.name, report.state) == (name, state) for report in frame.languages)
    )


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["false", "{connection_file}"], "odd: false ended before it answered: it said nothing"),
        (["sh", "-c", "echo no library >&2; exit 4", "{connection_file}"], "sh ended before it answered: no library"),
        (["there-is-no-such-program", "{connection_file}"], "cannot be started: No such file or directory"),
        (["sleep", "600", "{connection_file}"], "ended before it answered: sleep: invalid time interval"),
        (["sh", "-c", "sleep 600", "{connection_file}"], "sh does not answer within 2 s"),
        (["yes", "{connection_file}"], "yes does not answer within 2 s"),
    ],
    ids=["dies", "dies and says why", "is no program", "does not like what it is given", "hangs", "floods"],
)
def test_a_kernel_that_does_not_come_up_is_taken_back(argv: list[str], reason: str) -> None:
    def prepare(place: Path) -> None:
        put(place, "odd", {"argv": argv})
        program = place / "untrusted" / "kernel" / "foreign" / "program.py"
        program.write_text(program.read_text().replace("START_S = 60.0", "START_S = 2.0"))

    with odd_supervisor(prepare, "odd") as supervisor:
        supervisor.send(wire.Ping(1))
        wait_for_state(supervisor, "odd", "failed")
        assert reason in log_of(supervisor)
        assert supervisor.run("s", "c", "print('there')").state == "done"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("{", "cannot be read"),
        ("[]", "is no JSON object"),
        ("{}", "is no list of texts"),
        ({"argv": []}, "is no list of texts"),
        ({"argv": ["python", 5]}, "is no list of texts"),
        ({"argv": ["python"]}, "does not hand over {connection_file}"),
        ({"env": {"A": 1}}, "is no object of texts"),
        ({"interrupt_mode": "shout"}, "is neither signal nor message"),
    ],
)
def test_a_kernelspec_that_cannot_be_used_is_left_out_with_a_sentence(spec: Any, reason: str) -> None:
    with odd_supervisor(lambda place: put(place, "odd", spec), "odd") as supervisor:
        assert [report.name for report in supervisor.ready().languages] == ["python"]
        assert "the language odd is left out: " in log_of(supervisor) and reason in log_of(supervisor)


def test_a_language_whose_kernel_is_not_installed_is_left_out() -> None:
    with odd_supervisor(lambda place: (put(place, "odd") / "kernel.json").unlink(), "odd") as supervisor:
        assert [report.name for report in supervisor.ready().languages] == ["python"]
        assert "the language odd is left out: no kernelspec odd is installed" in log_of(supervisor)


def test_a_kernel_whose_channel_for_questions_comes_late_is_waited_for() -> None:
    with odd_supervisor(lambda place: put(place, "odd", {"env": {"STDIN_LATE_S": "1"}}), "odd") as supervisor:
        supervisor.send(wire.Ping(1))
        wait_for_state(supervisor, "odd", "ready")
        talk = Conversation(supervisor)
        computation = talk.begin("kernel.say('stream', {'name': 'stdout', 'text': kernel.ask('Who? ')})")
        talk.wait_for(computation, "input_request")
        supervisor.send(wire.InputReply(talk.session, computation, "Zoë"))
        assert talk.end(computation).state == "done"


def test_a_kernel_that_is_removed_while_the_server_runs_is_taken_back() -> None:
    removed: list[Path] = []
    with odd_supervisor(lambda place: removed.append(put(place, "odd")), "odd") as supervisor:
        supervisor.send(wire.Ping(1))
        wait_for_state(supervisor, "odd", "ready")
        assert supervisor.run("s1", "c1", "1", last=False, language="odd").state == "done"
        shutil.rmtree(removed[0])
        # Who has it goes on; the next takes the one that is ready, or waits in vain.
        assert supervisor.run("s1", "c2", "import os; os.write(1, b'on')", opened=True).state == "done"
        supervisor.send(wire.Open("s2", "odd"), wire.Execute("s2", "c3", "1", True, True))
        supervisor.send(wire.Open("s3", "odd"), wire.Execute("s3", "c4", "1", True, True))
        wait_for_state(supervisor, "odd", "failed")
        assert supervisor.run("s4", "c5", "print('there')").state == "done"
