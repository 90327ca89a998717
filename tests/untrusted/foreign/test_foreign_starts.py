"""A kernel that does not start is taken back with its reason in the log, and no other language notices."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import wire
from harness.processes import wait_for
from harness.supervisor import LIGHT, Supervisor
from tests.untrusted.foreign.conftest import odd_supervisor, put
from tests.untrusted.foreign.test_foreign_kernel import Conversation

DEADLINE_S = 60.0  # two tries, and pauses between them


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


# Programs that are no kernels, by the names of their languages, and what the log says of each.
DYING = {
    "dies": (["false", "{connection_file}"], "false ended before it answered: it said nothing"),
    "says_why": (
        ["sh", "-c", "echo no library >&2; exit 4", "{connection_file}"], "sh ended before it answered: no library",
    ),
    "no_program": (["there-is-no-such-program", "{connection_file}"], "cannot be started: No such file or directory"),
    "unhappy": (["sleep", "600", "{connection_file}"], "ended before it answered: sleep: invalid time interval"),
}
HANGING = {
    "hangs": (["sh", "-c", "sleep 600", "{connection_file}"], "sh does not answer within 2 s"),
    "floods": (["yes", "{connection_file}"], "yes does not answer within 2 s"),
}
UNUSABLE: dict[str, tuple[Any, str]] = {
    "half": ("{", "cannot be read"),
    "a_list": ("[]", "is no JSON object"),
    "empty": ("{}", "is no list of texts"),
    "no_words": ({"argv": []}, "is no list of texts"),
    "a_number": ({"argv": ["python", 5]}, "is no list of texts"),
    "no_file": ({"argv": ["python"]}, "does not hand over {connection_file}"),
    "odd_env": ({"env": {"A": 1}}, "is no object of texts"),
    "shouts": ({"interrupt_mode": "shout"}, "is neither signal nor message"),
}


@pytest.fixture(scope="module")
def broken() -> Iterator[Supervisor]:
    """A supervisor with the languages whose kernels die, whose kernelspecs cannot be used, and with a missing one."""

    def prepare(place: Path) -> None:
        for name, (argv, _reason) in DYING.items():
            put(place, name, {"argv": argv})
        for name, (spec, _reason) in UNUSABLE.items():
            put(place, name, spec)
        (put(place, "missing") / "kernel.json").unlink()

    with odd_supervisor(prepare, *DYING, *UNUSABLE, "missing", first=LIGHT) as supervisor:
        yield supervisor


@pytest.fixture(scope="module")
def hanging() -> Iterator[Supervisor]:
    """A supervisor with the languages whose kernels never answer; it gives them two seconds."""

    def prepare(place: Path) -> None:
        for name, (argv, _reason) in HANGING.items():
            put(place, name, {"argv": argv})
        program = place / "untrusted" / "kernel" / "foreign" / "program.py"
        program.write_text(program.read_text().replace("START_S = 60.0", "START_S = 2.0"))

    with odd_supervisor(prepare, *HANGING, first=LIGHT) as supervisor:
        yield supervisor


def states(supervisor: Supervisor) -> dict[str, str]:
    """Return the states of all languages as the device was told them last, after a ping."""
    number = 1 + sum(isinstance(frame, wire.Pong) for frame in supervisor.heard)
    supervisor.send(wire.Ping(number))
    supervisor.wait(lambda frame: isinstance(frame, wire.Pong) and frame.number == number)
    told = [frame for frame in supervisor.heard if isinstance(frame, (wire.Hello, wire.Languages))]
    return {report.name: report.state for frame in told[-1:] for report in frame.languages}


@pytest.mark.parametrize(("name", "reason"), [(name, reason) for name, (_argv, reason) in (DYING | HANGING).items()])
def test_a_kernel_that_does_not_come_up_is_taken_back(
    request: pytest.FixtureRequest, name: str, reason: str
) -> None:
    supervisor: Supervisor = request.getfixturevalue("broken" if name in DYING else "hanging")
    wait_for(lambda: states(supervisor).get(name) == "failed", DEADLINE_S)
    assert any(line.startswith(f"{name}: ") and reason in line for line in log_of(supervisor).splitlines())
    assert supervisor.run(name, name, "print('there')", language=LIGHT).state == "done"


@pytest.mark.parametrize(("name", "reason"), [(name, reason) for name, (_spec, reason) in UNUSABLE.items()])
def test_a_kernelspec_that_cannot_be_used_is_left_out_with_a_sentence(
    broken: Supervisor, name: str, reason: str
) -> None:
    wait_for(lambda: states(broken).keys() == {LIGHT, *DYING})
    said = [line for line in log_of(broken).splitlines() if f"the language {name} is left out: " in line]
    assert len(said) == 1 and reason in said[0]


def test_a_language_whose_kernel_is_not_installed_is_left_out(broken: Supervisor) -> None:
    wait_for(lambda: states(broken).keys() == {LIGHT, *DYING})
    assert "the language missing is left out: no kernelspec missing is installed" in log_of(broken)


def test_a_kernel_whose_channel_for_questions_comes_late_is_waited_for() -> None:
    prepare = partial(put, name="odd", spec={"env": {"STDIN_LATE_S": "1"}})
    with odd_supervisor(prepare, "odd", first=LIGHT) as supervisor:
        supervisor.send(wire.Ping(1))
        wait_for_state(supervisor, "odd", "ready")
        talk = Conversation(supervisor)
        computation = talk.begin("kernel.say('stream', {'name': 'stdout', 'text': kernel.ask('Who? ')})")
        talk.wait_for(computation, "input_request")
        supervisor.send(wire.InputReply(talk.session, computation, "Zoë"))
        assert talk.end(computation).state == "done"


def test_a_kernel_that_is_removed_while_the_server_runs_is_taken_back() -> None:
    removed: list[Path] = []
    with odd_supervisor(lambda place: removed.append(put(place, "odd")), "odd", first=LIGHT) as supervisor:
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
