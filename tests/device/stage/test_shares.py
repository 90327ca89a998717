"""The device between clients: one with many cells leaves places to others, and idle sessions of one have a bound."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

import wire
from device.shares import Begun
from store import NOBODY_PASSED, Claim, PassedOver, Requester, lane_of
from tests.device.stage.cells import busy
from tests.device.stage.conftest import Stage
from tests.device.stage.scripted import ASKS, BUSY, INPUT, USAGE, Scripted, run_well
from tests.store.conftest import Connect, submit

WORKERS = 10


def submit_as(stage: Stage, client: str | None, page: str | None = None, origin: str | None = None, **fields) -> str:
    requester = Requester(client, origin)
    return submit(stage.store, requester=requester, lane=lane_of(requester, page), **fields)


def running(stage: Stage, ids: list[str]) -> list[str]:
    return [id for id in ids if stage.computation(id).state == "running"]


def play_rounds(stage: Stage) -> None:
    """Let the device look at the queue a few times: nothing that could begin is left then."""
    for _ in range(3):
        probe = submit(stage.store)  # the operator's, which no share holds back
        stage.play(lambda: stage.computation(probe).sequence >= 0)  # noqa: B023
        stage.store.computations.request_cancel(probe)
        stage.finish(probe)


@pytest.fixture
def stage(make_stage) -> Stage:
    stage = make_stage(workers=WORKERS)
    stage.supervisor().on_run = busy
    return stage


def test_one_client_leaves_half_of_the_places_to_others(stage: Stage) -> None:
    many = [submit_as(stage, "many") for _ in range(WORKERS)]
    stage.play(lambda: len(running(stage, many)) == WORKERS // 2)
    play_rounds(stage)
    assert running(stage, many) == many[: WORKERS // 2]
    one = submit_as(stage, "one")
    stage.play(lambda: running(stage, [one]))


def test_when_a_client_s_run_ends_its_next_begins(stage: Stage) -> None:
    many = [submit_as(stage, "many") for _ in range(WORKERS)]
    stage.play(lambda: len(running(stage, many)) == WORKERS // 2)
    for number in range(WORKERS // 2):
        stage.store.computations.request_cancel(many[number])
        stage.play(lambda: running(stage, [many[WORKERS // 2 + number]]))  # noqa: B023


def test_each_page_of_a_class_behind_one_address_has_its_turn_until_a_fifth_is_left(stage: Stage) -> None:
    pages = [submit_as(stage, "class", f"page-{number}") for number in range(3 * WORKERS)]
    stage.play(lambda: len(running(stage, pages)) == WORKERS * 4 // 5)
    play_rounds(stage)
    assert len(running(stage, pages)) == WORKERS * 4 // 5
    other = submit_as(stage, "other")
    stage.play(lambda: running(stage, [other]))


def test_many_clients_take_all_places_one_each(stage: Stage) -> None:
    ids = [submit_as(stage, f"client-{number}") for number in range(WORKERS)]
    stage.play(lambda: len(running(stage, ids)) == WORKERS)


def test_an_origin_leaves_a_fifth_of_the_places_to_others(stage: Stage) -> None:
    ids = [submit_as(stage, f"client-{number}", origin="https://a.example") for number in range(WORKERS)]
    stage.play(lambda: len(running(stage, ids)) == WORKERS * 4 // 5)
    play_rounds(stage)
    assert len(running(stage, ids)) == WORKERS * 4 // 5
    other = submit_as(stage, "other", origin="https://b.example")
    stage.play(lambda: running(stage, [other]))


def test_the_operator_s_cells_take_all_places(stage: Stage) -> None:
    ids = [submit_as(stage, None) for _ in range(WORKERS)]
    stage.play(lambda: len(running(stage, ids)) == WORKERS)


@pytest.mark.parametrize("workers", [1, 2])
def test_where_there_are_few_places_a_lone_client_has_one(make_stage, workers: int) -> None:
    stage = make_stage(workers=workers)
    stage.supervisor().on_run = busy
    ids = [submit_as(stage, "a") for _ in range(2)]
    stage.play(lambda: running(stage, ids) == ids[:1])


def test_who_waits_for_answers_takes_no_places_but_has_a_bound(make_stage) -> None:
    stage = make_stage(workers=WORKERS, sessions_asking_max=5)

    def ask(supervisor: Scripted, run: wire.Execute) -> None:
        supervisor.output(run, BUSY, INPUT, ASKS)

    stage.supervisor().on_run = ask
    for number in range(4):
        id = submit_as(stage, "a", f"page-{number}")
        stage.play(lambda: stage.computation(id).sequence >= 2)  # noqa: B023
    stage.site.newest().on_run = run_well
    fifth, other = submit_as(stage, "a", "page-5"), submit_as(stage, "b")
    assert stage.finish(other).state == "done"
    play_rounds_of_others(stage)
    assert stage.computation(fifth).state == "queued"


def play_rounds_of_others(stage: Stage) -> None:
    for _ in range(3):
        stage.finish(submit_as(stage, "c"))


@pytest.mark.parametrize("idle", [1, 2, 3])
@pytest.mark.parametrize("kind", ["client", "origin", "key"])
def test_idle_sessions_of_one_have_a_bound_and_the_oldest_gives_way(make_stage, kind: str, idle: int) -> None:
    stage = make_stage(workers=WORKERS, **{f"{kind}_sessions_max": 2})

    def run(**who: str) -> str:
        requester = Requester(**who)
        id = submit(stage.store, requester=requester, lane=lane_of(requester, None), keep=True)
        stage.finish(id)
        return id

    others = run(client="b")
    ids = [run(**{"client": f"c{number}", kind: "same"}) for number in range(idle)]
    states = lambda: [stage.store.sessions.get(stage.computation(id).session).state for id in (others, *ids)]  # noqa: E731
    expected = ["idle", *["gone"] * (idle - 2), *["idle"] * min(idle, 2)]
    stage.play(lambda: states() == expected, str(expected))


def test_what_cells_use_is_charged_to_who_asked_for_them_and_not_to_the_operator(make_stage, connect: Connect) -> None:
    store = connect(client_cpu_s_per_hour=1.0, origin_cpu_s_per_hour=0.02)
    stage = make_stage(store, workers=WORKERS)
    stage.supervisor().on_run = run_well
    asked_by = Requester("a", "https://a.example")

    def left_s() -> dict[str, float]:
        found = store.budgets.look(asked_by, datetime.now(timezone.utc))
        return {kind: budget.left_s for kind, budget in found.items()}

    for lane in (None, lane_of(asked_by, None)):
        stage.finish(submit(store, requester=asked_by, lane=lane))
    stage.play(lambda: left_s()["client"] < 1.0)
    assert left_s() == {"client": pytest.approx(1 - USAGE.cpu_s, abs=0.01), "origin": pytest.approx(-0.03, abs=0.01)}
    stage.play(lambda: any(report["overdrawn"] for report in store.devices.alive()))
    [[[id, until]]] = [report["overdrawn"] for report in store.devices.alive()]
    assert id == "origin:https://a.example" and until > datetime.now(timezone.utc)


def test_all_runs_of_a_page_weigh_as_much_as_one_and_those_of_a_class_as_eight(stage: Stage) -> None:
    def weights_of(ids: list[str]) -> list[float]:
        def executed() -> dict[str, float]:
            return {frame.computation: frame.weight for frame in stage.site.newest().frames(wire.Execute)}

        # What is stored as running is sent to its account a moment later.
        stage.play(lambda: running(stage, ids) == ids and executed().keys() >= set(ids))
        return [executed()[id] for id in ids]

    for client, pages, expected in (
        ("page", [None] * 3, [1, 1 / 2, 1 / 3]),
        ("class", [f"page-{number}" for number in range(3)], [1, 1, 1]),
        (None, [None] * 2, [1, 1]),
    ):
        ids = [submit_as(stage, client, page) for page in pages]
        assert weights_of(ids) == pytest.approx(expected)
        for id in ids:
            stage.store.computations.request_cancel(id)
            stage.finish(id)


def test_a_whole_class_weighs_as_much_as_eight(make_stage) -> None:
    stage = make_stage(workers=30)
    stage.supervisor().on_run = busy
    for number in range(16):
        submit_as(stage, "class", f"page-{number}")
    # What is stored as running is sent to its account, and heard there, a moment later.
    stage.play(lambda: len(stage.site.newest().frames(wire.Execute)) == 16)
    assert stage.site.newest().frames(wire.Execute)[-1].weight == pytest.approx(8 / 16)


@pytest.mark.parametrize("pages", [[None], ["a", "b"]])
def test_who_begins_many_short_cells_is_behind_those_who_begin_few(make_stage, monkeypatch, pages) -> None:
    monkeypatch.setattr("device.shares.LATELY_S", 600.0)
    stage = make_stage(workers=40, page_begins_per_s=3)
    stage.supervisor().on_run = run_well
    first = [submit_as(stage, "many", page) for page in pages for _ in range(3)]
    stage.finish(submit_as(stage, "one"))
    more = [submit_as(stage, "many", page) for page in pages for _ in range(2)]
    for id in first:
        stage.finish(id)
    play_rounds_of_others(stage)
    assert {stage.computation(id).state for id in more} == {"queued"}
    monkeypatch.setattr("device.shares.LATELY_S", 0.0)
    for id in more:
        stage.finish(id)


def begin(client: str, lane: str | None, turn: int = 0) -> Claim:
    return Claim(
        f"{client}-cell", "s", turn, "python", "", False, True, None, [], 1, "d", "t", 0, client=client, lane=lane
    )


@pytest.mark.parametrize(("turns", "passed"), [(2, []), (3, ["lane"]), (4, ["lane"])])
def test_who_has_begun_a_page_s_most_beside_others_is_passed_over_for_a_second(turns: int, passed: list[str]) -> None:
    begun = Begun(3)
    for _ in range(turns):
        begun.add(begin("a", "lane"), 10.0)
    begun.add(begin("a", "lane", turn=1), 10.0)  # a kept session's next turn
    begun.add(begin("operator", None), 10.0)
    assert begun.passed_over(10.0) == NOBODY_PASSED  # nobody else begins any
    begun.add(begin("b", "other"), 10.5)
    assert begun.passed_over(10.9) == PassedOver(lane=frozenset(passed))
    assert begun.passed_over(11.1) == NOBODY_PASSED


@pytest.mark.parametrize(("pages", "passed"), [(11, []), (12, ["class"]), (13, ["class"])])
def test_all_pages_of_a_client_begin_as_many_as_four_beside_others(pages: int, passed: list[str]) -> None:
    begun = Begun(3)
    begun.add(begin("b", "other"), 10.0)
    for page in range(pages):
        begun.add(begin("class", f"page-{page}"), 10.0)
    assert begun.passed_over(10.0) == PassedOver(client=frozenset(passed))


def test_who_begin_alike_are_not_passed_over_however_many_they_begin() -> None:
    begun = Begun(3)
    for client in ("a", "b", "c"):
        for _ in range(20):
            begun.add(begin(client, client), 10.0)
    for _ in range(5):
        begun.add(begin("a", "a"), 10.0)
    assert begun.passed_over(10.0) == NOBODY_PASSED
    begun.add(begin("a", "a"), 10.0)
    assert begun.passed_over(10.0) == PassedOver(client=frozenset("a"), lane=frozenset("a"))
