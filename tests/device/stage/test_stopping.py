"""The end of the device, what it logs, and ends that wait behind files."""

from __future__ import annotations

import logging
import time

import wire
from tests.device.stage.cells import busy
from tests.device.stage.scripted import BUSY, IDLE, INPUT, REPLY, printed, run_well
from tests.store.conftest import submit


def test_a_device_that_stops_hands_back_what_ran_and_ends_its_supervisors(stage, running):
    supervisor, _run, id = running()
    done = submit(stage.store, keep=True)
    stage.site.newest().on_run = run_well
    stage.finish(done)
    stage.close()
    assert supervisor.ended
    computation = stage.computation(id)
    assert (computation.state, computation.attempt) == ("queued", 2)
    assert stage.store.sessions.get(stage.computation(done).session).state == "gone"


def test_a_device_that_stops_in_a_first_turn_leaves_its_session_to_the_next(stage, running, make_stage):
    _supervisor, _run, id = running(keep=True)
    stage.close()
    other = make_stage()
    assert other.finish(id).state == "done"


def test_an_end_is_one_line_in_the_log_and_no_code_or_output_is(stage, caplog):
    with caplog.at_level(logging.INFO):
        id = submit(stage.store, "SECRET_CODE = 1")
        stage.site.on_run = lambda supervisor, run: (
            supervisor.output(run, BUSY, INPUT, printed("SECRET_OUTPUT"), REPLY, IDLE),
            supervisor.done(run),
        )
        stage.finish(id)
    moves = [line for line in caplog.messages if id in line]
    assert [line.split()[1] for line in moves] == ["running→done"]
    assert "SECRET" not in caplog.text


def test_the_end_of_a_session_may_wait_behind_the_files_of_another(make_stage):
    stage = make_stage(heartbeat_s=0.1, heartbeat_timeout_s=0.8)
    supervisor = stage.supervisor()
    supervisor.on_run = busy
    ids = [submit(stage.store) for _ in range(2)]
    stage.play(lambda: len(supervisor.frames(wire.Execute)) == 2)
    slow, waiting = supervisor.frames(wire.Execute)
    closed, supervisor.closed = supervisor.closed, lambda session, reason="": None
    stage.store.computations.request_cancel(waiting.computation)
    stage.play(lambda: supervisor.frames(wire.Close))
    pieces, until = 0, time.monotonic() + 3 * stage.settings.heartbeat_timeout_s
    while time.monotonic() < until:
        supervisor.say(wire.File(slow.session, slow.computation, "big", 1 << 20, b"x", False))
        pieces += 1
        stage.round()
    assert not supervisor.ended
    supervisor.closed = closed
    closed(waiting.session, "cancelled")
    rest = (1 << 20) - pieces
    while rest:
        data = bytes(min(rest, wire.CHUNK_BYTES))
        rest -= len(data)
        supervisor.say(wire.File(slow.session, slow.computation, "big", 1 << 20, data, not rest))
    supervisor.output(slow, REPLY, IDLE)
    supervisor.done(slow)
    assert sorted(stage.finish(id).state for id in ids) == ["cancelled", "done"]
