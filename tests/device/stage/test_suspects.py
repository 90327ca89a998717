"""What ran when the machinery died is tried again behind what waits, all at once first: then the guilty dies alone."""

from __future__ import annotations

import pytest

import wire
from tests.device.stage.cells import busy
from tests.device.stage.scripted import run_well
from tests.store.conftest import submit


@pytest.fixture
def suspects(stage):
    """Three cells that ran when their supervisor died, of which one is to blame: (stage, ids by code, Runs held)."""
    codes = ("innocent", "poison", "victim")
    first, held = stage.supervisor(), []
    first.on_run = busy
    ids = {code: submit(stage.store, code) for code in codes}
    stage.play(lambda: len(first.frames(wire.Execute)) == 3)

    def run(supervisor, run):
        if run.code == "poison":
            supervisor.ended = True
        elif run.code in codes:
            busy(supervisor, run)
            held.append((supervisor, run))
        else:
            run_well(supervisor, run)

    stage.site.on_run = run
    first.ended = True
    return stage, ids, held


def test_suspects_run_at_once_and_the_guilty_one_is_lost_alone(suspects):
    stage, ids, held = suspects
    stage.play(lambda: len(stage.site.started) == 3, "the second death")
    # All three were there: the innocent ones have died once more.
    assert all(stage.store.computations.get(id).attempt >= 2 for id in ids.values())
    held.clear()
    while not all(stage.computation(id).over for id in ids.values()):
        stage.round()
        while held:
            run_well(*_ended(held.pop()))
    states = {code: (stage.computation(id).state, stage.computation(id).attempt) for code, id in ids.items()}
    assert states == {"innocent": ("done", 3), "poison": ("lost", 3), "victim": ("done", 3)}
    assert len(stage.site.started) == 4


def _ended(held):
    supervisor, run = held
    supervisor.output = lambda run, *messages: type(supervisor).output(supervisor, run, *messages[2:])
    return supervisor, run


def test_a_suspect_without_company_is_lost_at_its_second_death(make_stage):
    stage = make_stage()
    stage.site.on_run = lambda supervisor, run: setattr(supervisor, "ended", True)
    lost = stage.finish(submit(stage.store))
    assert (lost.state, lost.attempt) == ("lost", 2)


def test_two_that_run_alone_never_run_at_once_and_others_go_past_them(suspects):
    stage, ids, held = suspects
    stage.play(lambda: len(stage.site.started) == 3, "the second death")
    held.clear()
    stage.play(lambda: held, "a third attempt")
    for _ in range(3):
        assert stage.finish(submit(stage.store)).state == "done"
    assert [run.code for _, run in held] == ["innocent"]
    assert [stage.computation(id).state for id in ids.values()] == ["running", "queued", "queued"]
    run_well(*_ended(held.pop()))
    assert stage.finish(ids["poison"]).state == "lost"


def test_what_waits_is_begun_before_a_suspect(make_stage):
    stage = make_stage(workers=1)
    supervisor = stage.supervisor()
    supervisor.on_run = busy
    suspect = submit(stage.store)
    stage.play(lambda: supervisor.frames(wire.Execute))
    waiting = [submit(stage.store) for _ in range(3)]
    supervisor.ended = True
    for id in (*waiting, suspect):
        assert stage.finish(id).state == "done"
    order = [run.computation for run in stage.site.newest().frames(wire.Execute)]
    assert order == [*waiting, suspect]

