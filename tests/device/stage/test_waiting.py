"""The device between cells that wait for an answer and those that wait for a worker; files of two sessions at once."""

from __future__ import annotations

import wire
from tests.device.stage.cells import nothing, said
from tests.device.stage.scripted import ASKS, BUSY, IDLE, INPUT, REPLY, USAGE, Scripted, run_well
from tests.store.conftest import submit


def ask(supervisor: Scripted, run: wire.Execute) -> None:
    """Play a cell that waits for an answer."""
    supervisor.output(run, BUSY, INPUT, ASKS)


def asking(make_stage, count: int, **changes):
    """Return a stage with so many cells that wait for an answer, in this order, and their ids."""
    stage = make_stage(workers=count, **changes)
    stage.supervisor().on_run = ask
    ids = []
    for _ in range(count):
        ids.append(submit(stage.store))
        stage.play(lambda: stage.computation(ids[-1]).sequence >= 2)
    return stage, ids


def test_without_room_the_cell_that_has_waited_longest_for_an_answer_gives_way(make_stage):
    stage, (first, second) = asking(make_stage, 2)
    stage.site.newest().on_run = run_well
    newcomer = submit(stage.store)
    assert stage.finish(newcomer).state == "done"
    computation = stage.computation(first)
    assert (computation.state, computation.reason) == ("failed", "time_wall")
    (error,) = [text for text in said(stage.store, first) if text["header"]["msg_type"] == "error"]
    assert error["content"]["evalue"].endswith("it had waited longest, and others needed its place.")
    assert stage.computation(second).state == "running"


def test_an_idle_session_gives_way_before_a_cell_that_waits_for_an_answer(make_stage):
    stage = make_stage(workers=2)
    kept = submit(stage.store, keep=True)
    stage.finish(kept)
    stage.supervisor().on_run = ask
    waits = submit(stage.store)
    stage.play(lambda: stage.computation(waits).sequence >= 2)
    stage.site.newest().on_run = run_well
    assert stage.finish(submit(stage.store)).state == "done"
    stage.play(lambda: stage.store.sessions.get(stage.computation(kept).session).state == "gone")
    assert stage.computation(waits).state == "running"


def test_with_credit_for_another_session_nobody_gives_way(make_stage):
    stage, ids = asking(make_stage, 2)
    supervisor = stage.site.newest()
    supervisor.on_run = run_well
    supervisor.start_config["workers"] += 1  # from now on one of those that wait does not count
    supervisor.say(wire.Credit(3))
    assert stage.finish(submit(stage.store)).state == "done"
    assert [stage.computation(id).state for id in ids] == ["running"] * 2


def test_a_cell_that_lasts_far_beyond_its_total_time_is_stopped_from_here(make_stage):
    stage, (id,) = asking(make_stage, 1, cell_wall_s=0.5, cell_total_s=0.5, heartbeat_s=0.1, heartbeat_timeout_s=0.5,
                          cell_interrupt_grace_s=0.1)  # fmt: skip
    computation = stage.finish(id)
    assert (computation.state, computation.reason) == ("failed", "time_wall")
    (error,) = [text for text in said(stage.store, id) if text["header"]["msg_type"] == "error"]
    assert error["content"]["evalue"].endswith("for longer than 0.5 seconds.")


def two_runs(make_stage) -> tuple:
    stage = make_stage(workers=2)
    supervisor = stage.supervisor()
    supervisor.on_run = nothing
    for _ in range(2):
        submit(stage.store)
    stage.play(lambda: len(supervisor.frames(wire.Execute)) == 2)
    one, other = supervisor.frames(wire.Execute)
    for run in (one, other):
        supervisor.output(run, BUSY, INPUT)
    supervisor.say(wire.File(one.session, one.computation, "long", 3, b"1", False))
    return stage, supervisor, one, other


def test_a_file_of_one_piece_may_come_in_the_middle_of_a_longer_one(make_stage):
    stage, supervisor, one, other = two_runs(make_stage)
    supervisor.say(wire.File(other.session, other.computation, "short", 1, b"s", True))
    supervisor.say(wire.File(one.session, one.computation, "long", 3, b"2", False))
    supervisor.say(wire.File(one.session, one.computation, "long", 3, b"3", True))
    for run in (one, other):
        supervisor.output(run, REPLY, IDLE)
        supervisor.say(wire.Finished(run.session, run.computation, "done", None, USAGE))
        supervisor.closed(run.session)
    contents = []
    for run, name in ((one, "long"), (other, "short")):
        assert stage.finish(run.computation).state == "done"
        contents.append(stage.store.files.open(run.computation, name).read())
    assert contents == [b"123", b"s"]


def test_of_files_of_several_pieces_there_is_one_at_a_time(make_stage):
    stage, supervisor, _one, other = two_runs(make_stage)
    supervisor.say(wire.File(other.session, other.computation, "also long", 2, b"1", False))
    assert stage.finish(other.computation).reason == "protocol"
    stage.play(lambda: stage.device.accounts[0].state == "down")
