"""What ran when the machinery died is tried again, behind what waits and never two at once: the guilty dies alone."""

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


def test_the_guilty_one_is_lost_and_no_other(suspects):
    stage, ids, held = suspects
    while not all(stage.computation(id).over for id in ids.values()):
        stage.round()
        while held:
            run_well(*_ended(held.pop()))
    states = {code: (stage.computation(id).state, stage.computation(id).attempt) for code, id in ids.items()}
    assert states == {"innocent": ("done", 2), "poison": ("lost", 2), "victim": ("done", 2)}
    assert len(stage.site.started) == 3


def _ended(held):
    supervisor, run = held
    supervisor.output = lambda run, *messages: type(supervisor).output(supervisor, run, *messages[2:])
    return supervisor, run


def test_two_suspects_never_run_at_once_and_others_go_past_them(suspects):
    stage, ids, held = suspects
    stage.play(lambda: held, "a second attempt")
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

