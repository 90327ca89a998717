"""What clients wish of a running cell reaches its supervisor, once."""

from __future__ import annotations

import wire
from tests.device.stage.cells import types
from tests.device.stage.scripted import ASKS, IDLE, REPLY, RESULT, printed


def test_interrupts_and_input_replies_are_passed_on_once_each(stage, running):
    supervisor, run, id = running()
    supervisor.output(run, ASKS)
    stage.play(lambda: stage.computation(id).asking)
    stage.store.computations.answer(id, "42")
    stage.store.computations.request_interrupt(id)
    stage.store.computations.request_interrupt(id)
    stage.play(lambda: len(supervisor.frames(wire.Interrupt)) == 2 and supervisor.frames(wire.InputReply))
    assert supervisor.frames(wire.InputReply) == [wire.InputReply(run.session, id, "42")]
    supervisor.output(run, RESULT, REPLY, IDLE)
    supervisor.done(run)
    assert stage.finish(id).state == "done"


def test_a_cancelled_cell_is_killed_and_keeps_what_it_said(stage, running):
    supervisor, run, id = running()
    supervisor.output(run, printed("so far"))
    stage.store.computations.request_cancel(id)
    computation = stage.finish(id)
    assert (computation.state, computation.reason) == ("cancelled", "cancelled")
    stage.play(lambda: [frame.session for frame in supervisor.frames(wire.Close)] == [run.session])
    assert types(stage.store, id)[2:] == ["stream", "error", "execute_reply", "status"]


def test_an_interrupt_that_ends_in_a_kill_is_a_cancellation(stage, running):
    supervisor, run, id = running()
    stage.store.computations.request_interrupt(id)
    stage.play(lambda: supervisor.frames(wire.Interrupt))
    supervisor.failed(run, "cancelled")
    assert stage.finish(id).state == "cancelled"


def test_ending_a_session_ends_what_runs_in_it(stage, running):
    _supervisor, _run, id = running(keep=True)
    session = stage.computation(id).session
    stage.store.sessions.request_end(session)
    assert stage.finish(id).state == "cancelled"
    stage.play(lambda: stage.store.sessions.get(session).state == "gone")
    assert stage.store.sessions.get(session).reason == "cancelled"
