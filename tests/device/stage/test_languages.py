"""Accounts that run different languages: a cell goes only where its language is, and waits for room there alone."""

from __future__ import annotations

import pytest

import wire
from tests.device.stage.cells import nothing
from tests.device.stage.scripted import Scripted, run_well
from tests.store.conftest import age, submit

BOTH, ONE = "both@one", "one@two"
LANGUAGES = {BOTH: ("python", "sage"), ONE: ("python",)}


def languages_opened(supervisor: Scripted) -> list[str]:
    """Return the languages of the sessions that a supervisor was told to open."""
    return [frame.language for frame in supervisor.frames(wire.Open)]


@pytest.fixture
def two(make_stage):
    """Return what makes a stage with two accounts, of which one runs a language more."""

    def make(workers: int, **changes):
        stage = make_stage(untrusted_accounts=[BOTH, ONE], workers=workers, **changes)

        def prepare(supervisor: Scripted) -> None:
            reports = [wire.LanguageReport(name, "1", "ready") for name in LANGUAGES[supervisor.account]]
            supervisor.hello = wire.Hello(wire.PROTOCOL, "watchdog", [], reports)

        stage.site.prepare = prepare
        return stage, stage.supervisor(BOTH), stage.supervisor(ONE)

    return make


def test_a_cell_goes_only_to_an_account_that_runs_its_language(two):
    stage, both, one = two(workers=12)
    both.on_run = one.on_run = nothing
    for language in ("sage", "python", "sage", "sage", "python", "sage"):
        submit(stage.store, language=language)
    stage.play(lambda: len(languages_opened(both) + languages_opened(one)) == 6)
    assert languages_opened(both).count("sage") == 4 and "sage" not in languages_opened(one)


def test_a_cell_waits_for_room_where_its_language_is_while_the_others_go_on(two):
    stage, both, one = two(workers=2, session_idle_gives_way=False)
    both.on_run = nothing
    first, second = submit(stage.store, language="sage"), submit(stage.store, language="sage")
    stage.play(lambda: languages_opened(both) == ["sage"] and both.frames(wire.Execute))
    for _ in range(3):
        assert stage.finish(submit(stage.store, language="python")).state == "done"
    assert stage.computation(second).state == "queued" and languages_opened(one) == ["python"] * 3
    (run,) = both.frames(wire.Execute)
    both.failed(run, "memory")
    stage.finish(first)
    stage.play(lambda: languages_opened(both) == ["sage", "sage"])


def test_an_idle_session_gives_way_where_the_language_is(two):
    # The longest idle session lies where there is no Sage; so does room for others.
    stage, both, _one = two(workers=4)
    both.on_run = nothing
    for _ in range(2):
        submit(stage.store, language="sage")
    stage.play(lambda: len(both.frames(wire.Execute)) == 2)
    older = submit(stage.store, language="python", keep=True)
    stage.finish(older)
    runs = both.frames(wire.Execute)
    both.failed(runs[0], "memory")
    stage.play(lambda: stage.computation(runs[0].computation).over)
    both.on_run = run_well
    kept = submit(stage.store, language="sage", keep=True)
    stage.finish(kept)
    assert stage.finish(submit(stage.store, language="sage")).state == "done"
    stage.play(lambda: stage.store.sessions.get(stage.computation(kept).session).state == "gone")
    assert stage.store.sessions.get(stage.computation(older).session).state == "idle"


@pytest.mark.parametrize("language", ["r", "sage"])
def test_a_cell_whose_language_no_account_runs_waits_and_is_in_nobodys_way(make_stage, language):
    stage = make_stage()  # one account, Python alone
    waiting = submit(stage.store, language=language)
    kept = submit(stage.store, language="python", keep=True)
    assert stage.finish(kept).state == "done" and stage.finish(submit(stage.store, language="python")).state == "done"
    assert stage.computation(waiting).state == "queued"
    assert stage.store.sessions.get(stage.computation(kept).session).state == "idle"


PYTHON = wire.LanguageReport("python", "1", "ready")
STATES = {
    "loading": wire.LanguageReport("sage", "", "loading"),
    "ready": wire.LanguageReport("sage", "10", "ready"),
    "failed": wire.LanguageReport("sage", "", "failed"),
}


@pytest.fixture
def early(stage):
    """Return what gives a stage whose account has said Hello with Python while Sage is in a state."""

    def make(state: str):
        hello = wire.Hello(wire.PROTOCOL, "watchdog", [], [PYTHON, STATES[state]])
        stage.site.prepare = lambda supervisor: setattr(supervisor, "hello", hello)
        supervisor = stage.supervisor()
        stage.play(lambda: reported(stage) == state, "the first report")
        return stage, supervisor

    return make


def tell(stage, supervisor: Scripted, state: str) -> None:
    """Let a supervisor say that Sage has come to a state, and the device hear it."""
    supervisor.say(wire.Languages([PYTHON, STATES[state]]))
    stage.play(lambda: reported(stage) == state, f"the device's report of {state}")


def reported(stage) -> str:
    """Return what the device's report in the database says of Sage."""
    (device,) = stage.store.devices.alive()
    (account,) = device["accounts"]
    if "sage" in [language["name"] for language in account["languages"]]:
        return "ready"
    return "loading" if "sage" in account["loading"] else "failed" if "sage" in account["failed"] else "unknown"


def wait_long(stage, *ids: str) -> None:
    """Let these computations have waited for an hour, and end those that nobody can run."""
    for id in ids:
        age(stage.store, "computations", {"_id": id}, "submitted", 3600)
    stage.store.claims.expire()


def test_a_cell_waits_for_a_language_that_is_being_loaded_while_the_others_run(early):
    stage, supervisor = early("loading")
    waiting = submit(stage.store, language="sage")
    assert stage.finish(submit(stage.store, language="python")).state == "done"
    assert languages_opened(supervisor) == ["python"] and stage.computation(waiting).state == "queued"
    tell(stage, supervisor, "ready")
    assert stage.finish(waiting).state == "done" and stage.computation(waiting).attempt == 1


def test_the_start_of_a_language_ends_no_cell_however_long_it_takes(early):
    stage, supervisor = early("loading")
    waiting, ended = submit(stage.store, language="sage"), submit(stage.store, language="r")  # the account has no R
    wait_long(stage, waiting, ended)
    assert (stage.computation(ended).state, stage.computation(ended).reason) == ("failed", "session_gone")
    assert stage.computation(waiting).state == "queued"
    tell(stage, supervisor, "ready")
    assert stage.finish(waiting).state == "done"


def test_a_language_that_died_for_good_is_taken_back_and_its_queued_cells_end(early):
    stage, supervisor = early("ready")
    assert stage.finish(submit(stage.store, language="sage")).state == "done"
    tell(stage, supervisor, "failed")
    ended = submit(stage.store, language="sage")
    wait_long(stage, ended)
    assert (stage.computation(ended).state, stage.computation(ended).reason) == ("failed", "session_gone")
    assert languages_opened(supervisor) == ["sage"]
    assert stage.finish(submit(stage.store, language="python")).state == "done"


def test_a_language_that_comes_back_can_run_again(early):
    stage, supervisor = early("failed")
    waiting = submit(stage.store, language="sage")
    for state in ("loading", "ready"):
        tell(stage, supervisor, state)
    assert stage.finish(waiting).state == "done"


def test_a_cell_that_was_handed_over_when_its_language_died_is_queued_again(early):
    stage, supervisor = early("ready")
    supervisor.on_run = nothing
    id = submit(stage.store, language="sage")
    stage.play(lambda: supervisor.frames(wire.Execute))
    (run,) = supervisor.frames(wire.Execute)
    tell(stage, supervisor, "failed")
    supervisor.on_run = run_well
    supervisor.closed(run.session, "kernel_died")
    stage.play(lambda: stage.computation(id).state == "queued")
    tell(stage, supervisor, "ready")
    assert stage.finish(id).state == "done" and stage.computation(id).attempt == 2


def test_an_account_whose_only_language_is_loaded_anew_has_no_room_and_says_why(stage):
    supervisor = stage.supervisor()
    supervisor.say(wire.Languages([wire.LanguageReport("python", "", "loading")]))
    (account,) = stage.device.accounts
    stage.play(lambda: account.free == 0)
    assert account.report()["sentence"] == "the child process: its supervisor loads the languages"
    waiting = submit(stage.store, language="python")
    supervisor.say(wire.Languages([PYTHON]))
    assert stage.finish(waiting).state == "done" and account.report()["sentence"] == ""


def test_an_account_that_has_lost_all_languages_is_connected_to_again(stage):
    supervisor = stage.supervisor()
    supervisor.say(wire.Languages([wire.LanguageReport("python", "", "failed")]))
    stage.play(lambda: supervisor.ended)
    assert "could load no language" in stage.device.accounts[0].sentence
    assert stage.finish(submit(stage.store, language="python")).state == "done"
