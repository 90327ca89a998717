"""Accounts that run different languages: a cell goes only where its language is, and waits for room there alone."""

from __future__ import annotations

import pytest

import wire
from store import Submission
from tests.device.stage.cells import nothing
from tests.device.stage.scripted import Scripted, run_well

BOTH, ONE = "both@one", "one@two"
LANGUAGES = {BOTH: ("python", "sage"), ONE: ("python",)}


def submit(stage, language: str, **fields) -> str:
    """Submit a computation in a language."""
    return stage.store.computations.submit(Submission("1+1", language, **fields)).id


def languages_opened(supervisor: Scripted) -> list[str]:
    """Return the languages of the sessions that a supervisor was told to open."""
    return [frame.language for frame in supervisor.frames(wire.Open)]


@pytest.fixture
def two(make_stage):
    """Return what makes a stage with two accounts, of which one runs a language more."""

    def make(workers: int, **changes):
        stage = make_stage(untrusted_accounts=[BOTH, ONE], workers=workers, **changes)

        def prepare(supervisor: Scripted) -> None:
            reports = [wire.LanguageReport(name, "1") for name in LANGUAGES[supervisor.account]]
            supervisor.hello = wire.Hello(wire.PROTOCOL, "watchdog", [], reports)

        stage.site.prepare = prepare
        return stage, stage.supervisor(BOTH), stage.supervisor(ONE)

    return make


def test_a_cell_goes_only_to_an_account_that_runs_its_language(two):
    stage, both, one = two(workers=12)
    both.on_run = one.on_run = nothing
    for language in ("sage", "python", "sage", "sage", "python", "sage"):
        submit(stage, language)
    stage.play(lambda: len(languages_opened(both) + languages_opened(one)) == 6)
    assert languages_opened(both).count("sage") == 4 and "sage" not in languages_opened(one)


def test_a_cell_waits_for_room_where_its_language_is_while_the_others_go_on(two):
    stage, both, one = two(workers=2, session_idle_gives_way=False)
    both.on_run = nothing
    first, second = submit(stage, "sage"), submit(stage, "sage")
    stage.play(lambda: languages_opened(both) == ["sage"])
    for _ in range(3):
        assert stage.finish(submit(stage, "python")).state == "done"
    assert stage.computation(second).state == "queued" and languages_opened(one) == ["python"] * 3
    (run,) = both.frames(wire.Run)
    both.failed(run, "memory")
    stage.finish(first)
    stage.play(lambda: languages_opened(both) == ["sage", "sage"])


def test_an_idle_session_gives_way_where_the_language_is(two):
    # The longest idle session lies where there is no Sage; so does room for others.
    stage, both, _one = two(workers=4)
    both.on_run = nothing
    for _ in range(2):
        submit(stage, "sage")
    stage.play(lambda: len(both.frames(wire.Run)) == 2)
    older = submit(stage, "python", keep=True)
    stage.finish(older)
    runs = both.frames(wire.Run)
    both.failed(runs[0], "memory")
    stage.play(lambda: stage.computation(runs[0].computation).over)
    both.on_run = run_well
    kept = submit(stage, "sage", keep=True)
    stage.finish(kept)
    assert stage.finish(submit(stage, "sage")).state == "done"
    states = [stage.store.sessions.get(stage.computation(id).session).state for id in (older, kept)]
    assert states == ["idle", "gone"]


@pytest.mark.parametrize("language", ["r", "sage"])
def test_a_cell_whose_language_no_account_runs_waits_and_is_in_nobodys_way(make_stage, language):
    stage = make_stage()  # one account, Python alone
    waiting = submit(stage, language)
    kept = submit(stage, "python", keep=True)
    assert stage.finish(kept).state == "done" and stage.finish(submit(stage, "python")).state == "done"
    assert stage.computation(waiting).state == "queued"
    assert stage.store.sessions.get(stage.computation(kept).session).state == "idle"
