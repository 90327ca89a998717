"""A supervisor whose host is about to be taken away lets what runs come to its end, and takes nothing new."""

from __future__ import annotations

import signal

import wire
from harness.supervisor import DEADLINE_S, Supervisor, started

CODE = "print('in', flush=True)\ninput()\nprint('out')"


def drain(supervisor: Supervisor) -> None:
    """Ask for it, and wait until the device is told that nothing can run here."""
    supervisor.process.send_signal(signal.SIGUSR1)
    told = supervisor.wait(lambda frame: isinstance(frame, wire.Languages))
    assert isinstance(told, wire.Languages) and {one.state for one in told.languages} == {"loading"}


def test_a_drained_supervisor_ends_when_nothing_runs_and_not_before() -> None:
    with started() as supervisor:
        supervisor.run("kept", "first", "n = 1", last=False)
        supervisor.send(wire.Open("s", "python"), wire.Execute("s", "c", CODE, True, True))
        supervisor.wait(lambda _frame: "input_request" in dict(supervisor.messages("c")))
        drain(supervisor)
        supervisor.process.send_signal(signal.SIGUSR1)  # whoever asks again does not delay it
        # What the device sent before it knew is served, and so are turns of sessions that are there.
        finished = supervisor.run("late", "d", "print('late')")
        turn = supervisor.run("kept", "second", "print(n)", opened=True, last=False)
        assert (finished.state, turn.state, supervisor.text("second")) == ("done", "done", "1\n")
        supervisor.send(wire.InputReply("s", "c", ""))
        supervisor.wait(lambda frame: isinstance(frame, wire.Finished) and frame.computation == "c")
        assert supervisor.text("c") == "in\nout\n"
        assert supervisor.process.wait(DEADLINE_S) == 0
