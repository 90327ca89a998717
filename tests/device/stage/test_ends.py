"""Ends that nobody wished: limits, dead kernels, dead supervisors, lost claims."""

from __future__ import annotations

import time

import pytest

import wire
from device.errors import ConnectError
from tests.device.stage.cells import busy, nothing, said, types
from tests.device.stage.scripted import IDLE, REPLY, printed, run_well
from tests.store.conftest import let_lease_run_out, submit


@pytest.mark.parametrize("reason", ["time_wall", "time_cpu", "memory", "processes", "output", "files", "kernel_died"])
def test_a_limit_that_the_supervisor_saw_ends_the_cell_with_its_sentence(stage, running, reason):
    supervisor, run, id = running()
    supervisor.failed(run, reason)
    computation = stage.finish(id)
    assert (computation.state, computation.reason) == ("failed", reason)
    assert types(stage.store, id)[2:] == ["error", "execute_reply", "status"]


def test_a_kernel_that_died_before_the_cell_began_costs_a_second_attempt(stage):
    supervisor = stage.supervisor()
    supervisor.on_run = lambda supervisor, run: supervisor.failed(run, "kernel_died")
    id = submit(stage.store)
    stage.play(lambda: supervisor.frames(wire.Execute))
    supervisor.on_run = run_well
    computation = stage.finish(id)
    assert (computation.state, computation.attempt) == ("done", 2)
    assert types(stage.store, id)[:2] == ["status", "clear_output"]


def test_a_cell_whose_machinery_dies_every_time_is_lost_with_a_sentence(stage):
    stage.site.on_run = lambda supervisor, run: supervisor.failed(run, "kernel_died")
    id = submit(stage.store)
    computation = stage.finish(id)
    assert (computation.state, computation.reason, computation.attempt) == ("lost", "lost", 2)
    assert "error" in types(stage.store, id)


def test_the_next_turn_of_a_dead_session_has_a_reason_of_its_own(stage):
    first = submit(stage.store, keep=True)
    stage.finish(first)
    supervisor = stage.site.newest()
    supervisor.on_run = lambda supervisor, run: supervisor.closed(run.session, "memory")
    id = submit(stage.store, session=stage.computation(first).session, keep=True)
    assert stage.finish(id).reason == "session_gone"


def test_a_cell_that_the_supervisor_lets_run_for_ever_is_ended_from_here(make_stage):
    stage = make_stage(cell_wall_s=0.1, cell_interrupt_grace_s=0.1, heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    stage.site.on_run = busy
    id = submit(stage.store)
    computation = stage.finish(id)
    assert (computation.state, computation.reason) == ("failed", "time_wall")
    stage.play(lambda: stage.site.newest().frames(wire.Close))


def test_a_cell_that_is_stuck_before_its_code_begins_is_tried_again(make_stage):
    stage = make_stage(cell_wall_s=0.1, cell_interrupt_grace_s=0.1, heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    supervisor = stage.supervisor()
    supervisor.on_run = nothing
    id = submit(stage.store)
    stage.play(lambda: supervisor.frames(wire.Execute))
    supervisor.on_run = run_well
    computation = stage.finish(id)
    assert (computation.state, computation.attempt) == ("done", 2)
    assert [frame.session for frame in supervisor.frames(wire.Close)] == [supervisor.frames(wire.Execute)[0].session]


@pytest.mark.parametrize("play", [nothing, lambda supervisor, run: supervisor.failed(run, "time_wall")])
def test_a_cell_whose_code_never_begins_is_not_told_that_it_ran_for_too_long(make_stage, play):
    stage = make_stage(cell_wall_s=0.1, cell_interrupt_grace_s=0.1, heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    stage.site.on_run = play
    id = submit(stage.store)
    computation = stage.finish(id)
    assert (computation.state, computation.reason, computation.attempt) == ("lost", "lost", 2)
    (error,) = [one["content"] for one in said(stage.store, id) if one["header"]["msg_type"] == "error"]
    assert error["evalue"] == "The server could not begin to run this cell. Please run it again later."


def test_the_next_turn_of_a_stuck_session_is_told_that_the_session_has_ended(make_stage):
    stage = make_stage(cell_wall_s=0.1, cell_interrupt_grace_s=0.1, heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    first = submit(stage.store, keep=True)
    stage.finish(first)
    stage.site.newest().on_run = nothing
    id = submit(stage.store, session=stage.computation(first).session, keep=True)
    assert stage.finish(id).reason == "session_gone"


def test_a_supervisor_that_dies_gives_back_what_ran_and_is_started_again(stage, running):
    supervisor, _run, id = running()
    stage.site.on_run = run_well
    supervisor.ended = True
    computation = stage.finish(id)
    assert (computation.state, computation.attempt) == ("done", 2)
    assert types(stage.store, id)[:4] == ["status", "execute_input", "status", "clear_output"]
    assert len(stage.site.started) == 2


def test_a_session_that_dies_with_its_supervisor_is_gone_and_its_turn_fails(stage):
    first = submit(stage.store, keep=True)
    stage.finish(first)
    supervisor, session = stage.site.newest(), stage.computation(first).session
    supervisor.on_run = busy
    turn, waiting = submit(stage.store, session=session, keep=True), submit(stage.store, session=session)
    stage.play(lambda: stage.computation(turn).sequence >= 1)
    supervisor.ended = True
    assert stage.finish(turn).reason == "session_gone"
    assert stage.computation(waiting).over or stage.finish(waiting).reason == "session_gone"
    stage.play(lambda: stage.store.sessions.get(session).state == "gone")


def test_the_first_turn_of_a_kept_session_is_tried_again_with_its_session(stage, running):
    supervisor, _run, id = running(keep=True)
    stage.site.on_run = run_well
    supervisor.ended = True
    computation = stage.finish(id)
    assert (computation.state, computation.attempt) == ("done", 2)
    assert stage.store.sessions.get(computation.session).state == "idle"
    again = submit(stage.store, session=computation.session, keep=True)
    assert stage.finish(again).state == "done"


def test_a_nothing_supervisor_is_given_up_and_its_cells_run_elsewhere(make_stage):
    stage = make_stage(heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    supervisor = stage.supervisor()
    supervisor.on_run = busy
    id = submit(stage.store)
    stage.play(lambda: stage.computation(id).sequence >= 1)
    supervisor.mute = True
    stage.play(lambda: len(stage.site.started) == 2)
    assert supervisor.ended
    assert stage.finish(id).state == "done"


def test_a_device_that_was_held_up_itself_gives_no_supervisor_up(stage):
    stage.supervisor()
    connection, now = stage.device.accounts[0].connection, time.monotonic() + 3600
    connection.keep_alive(now)
    heartbeats = round(stage.settings.heartbeat_timeout_s / stage.settings.heartbeat_s)
    with pytest.raises(ConnectError, match="was silent"):
        for _ in range(heartbeats + 1):
            now += stage.settings.heartbeat_s
            connection.keep_alive(now)


def test_a_supervisor_that_stalls_in_the_middle_of_a_frame_is_nothing(make_stage):
    stage = make_stage(heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    stage.site.prepare = lambda supervisor: setattr(supervisor, "mute", True)
    stage.play(lambda: "does not answer" in stage.device.accounts[0].sentence)
    stage.play(lambda: len(stage.site.started) == 2)


def test_a_supervisor_that_does_not_close_a_session_loses_its_connection(make_stage):
    stage = make_stage(heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    supervisor = stage.supervisor()
    supervisor.on_run = busy
    supervisor.closed = lambda session, reason="": None
    id = submit(stage.store)
    stage.play(lambda: stage.computation(id).sequence >= 1)
    stage.store.computations.request_cancel(id)
    assert stage.finish(id).state == "cancelled"
    assert supervisor.ended


def test_a_lost_claim_kills_the_session_and_writes_nothing_more(stage, running):
    supervisor, run, id = running()
    let_lease_run_out(stage.store, id)
    stage.store.claims.expire()
    other = stage.store.claims.claim("other", languages=["python"], sessions=[], new_sessions=True)
    assert other.id == id
    supervisor.output(run, printed("too late"))
    stage.play(lambda: supervisor.frames(wire.Close))
    assert [frame.session for frame in supervisor.frames(wire.Close)] == [run.session]
    assert types(stage.store, id) == ["status", "execute_input"]
    assert id not in stage.device.runs.by_id
    stage.store.claims.finish(other, "done")


def test_a_computation_that_comes_back_is_not_mixed_up_with_its_first_attempt(stage, running):
    supervisor, first, id = running()
    supervisor.closed = lambda session, reason="": None
    let_lease_run_out(stage.store, id)
    stage.store.claims.expire()
    stage.play(lambda: len(supervisor.frames(wire.Execute)) == 2 and supervisor.frames(wire.Close))
    second = supervisor.frames(wire.Execute)[1]
    assert first.session != second.session
    supervisor.output(first, printed("from the first"))
    supervisor.output(second, printed("from the second"))
    supervisor.output(second, REPLY, IDLE)
    supervisor.done(second)
    assert stage.finish(id).attempt == 2
    texts = [one["content"].get("text") for one in said(stage.store, id)]
    assert "from the second" in texts
    assert "from the first" not in texts
