"""Refusals before the application: of who asks too often, and of a full queue, as the application would tell them."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from store.rules import Key
from tests.web.conftest import MakeApp
from tests.web.visitors import check_refused, store_of, submit
from web import early_refusals
from web.return_times import RETURN_S_MAX, ReturnTimes

OPERATOR_KEY = "k" * 24


def flood(app: Flask) -> None:
    """Have a client be over its rate for an hour."""
    app.extensions["singlecell"].client_shares.requests._due["203.0.113.5"] = time.monotonic() + 3600


@pytest.mark.parametrize("origins", ["*", "https://a.example"])
@pytest.mark.parametrize("origin", ["https://a.example", "https://b.example"])
def test_a_refusal_before_the_application_says_what_the_application_says(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, origins: str, origin: str
) -> None:
    app = make_app(cors_origins=origins, operator_key=OPERATOR_KEY)
    flood(app)

    def ask(method: str = "POST", **headers: str) -> TestResponse:
        said = {"X-Forwarded-For": "203.0.113.5", "Origin": origin, **headers}
        return app.test_client().open("/languages", method=method, data=b"x" * 100, headers=said)

    early, head, operators = ask(), ask("HEAD"), ask("GET", Authorization=f"Bearer {OPERATOR_KEY}")
    assert head.status_code == 429 and head.data == b"" and operators.status_code == 200
    monkeypatch.setattr(early_refusals, "answer", lambda *_: None)
    late = ask()
    check_refused(early, "requests", "address")
    assert early.get_json() == late.get_json()
    told = [{name: value for name, value in answer.headers if name not in ("Retry-After", "Vary")}
            for answer in (early, late)]  # fmt: skip
    for headers in told:
        headers.setdefault("Access-Control-Allow-Origin", "none")
        headers["Access-Control-Expose-Headers"] = sorted(headers.get("Access-Control-Expose-Headers", "").split(", "))
    if told[0]["Access-Control-Allow-Origin"] == "none":
        assert all(headers.pop("Access-Control-Expose-Headers") is not None for headers in told)
    assert told[0] == told[1]


@pytest.mark.parametrize("query", ["", "?idempotency_key=new", "?idempotency_key=again&first=1"])
def test_a_full_queue_is_told_before_the_application_as_the_application_tells_it(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    app = make_app(operator_key=OPERATOR_KEY)
    client, text = app.test_client(), store_of(app).keys.make(Key("course", "page"))
    first = submit(client, "203.0.113.5", "?idempotency_key=again").get_json()["id"]
    store_of(app).computations._shares._full_until = time.monotonic() + 3600
    store_of(app).computations._shares._free_places = 0

    def told(answer: TestResponse) -> tuple[int, object, list[str | None]]:
        names = ("Retry-After", "Singlecell-Problem", "Access-Control-Allow-Origin", "Content-Type")
        return answer.status_code, answer.get_json(), [answer.headers.get(name) for name in names]

    def refused_early() -> bool:
        return 'route="none",status="503"' in client.get("/metrics").text

    late = [submit(client, "203.0.113.5", f"?key={text}"), submit(client, None)]  # with a key; the operator's
    assert not refused_early()
    early = submit(client, "203.0.113.5", query, Origin="https://a.example")
    assert refused_early()
    assert told(early)[:2] == told(late[0])[:2] == told(late[1])[:2] and early.status_code == 503
    again = submit(client, "203.0.113.5", "?idempotency_key=again")  # it has its place already
    assert (again.status_code, again.get_json()["id"]) == (201, first)
    store_of(app).bans.add("client", "203.0.113.9", "mining")
    assert submit(client, "203.0.113.9").status_code == 403
    monkeypatch.setattr(early_refusals, "answer", lambda *_: None)
    monkeypatch.setattr("web.return_times.SPREAD", 1.0)
    late_again = submit(client, "203.0.113.5", query, Origin="https://a.example")
    assert told(early)[2][1:] == told(late_again)[2][1:] and 2 <= int(early.headers["Retry-After"]) <= 3


def test_who_comes_for_the_first_time_to_a_full_queue_costs_the_database_nothing(make_app: MakeApp) -> None:
    app = make_app()
    client, shares = app.test_client(), store_of(app).computations._shares
    assert submit(client, "203.0.113.5").status_code == 201
    shares._full_until, shares._free_places = time.monotonic() + 3600, 0
    assert submit(client, "203.0.113.5", "?idempotency_key=a&first=1").status_code == 503  # the salts are read now
    database = store_of(app)._database.ready()
    database.command("profile", 2)
    try:
        for number in range(20):
            assert submit(client, f"203.0.113.{number}", f"?idempotency_key={number}&first=1").status_code == 503
        assert submit(client, "203.0.113.5", "?idempotency_key=a").status_code == 503
    finally:
        database.command("profile", 0)
    asked = [entry["ns"].rpartition(".")[2] for entry in database["system.profile"].find({"op": {"$ne": "insert"}})]
    assert asked.count("computations") == 1, asked  # for the last one, which may be there


def test_the_more_find_the_queue_full_the_later_they_come_back_and_not_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("web.return_times.time", SimpleNamespace(monotonic=lambda: now[0]))
    times = ReturnTimes()

    def refused(a_second: int) -> set[int]:
        """Refuse so many a second for a minute; return the times that the last hundred were told."""
        told = []
        for _ in range(60 * a_second):
            now[0] += 1 / a_second
            told.append(times.next_s())
        return set(told[-100:])

    assert refused(10) <= {2, 3}
    many = refused(400)
    assert min(many) >= 15 and max(many) <= 25 and len(many) > 5
    assert max(refused(5000)) <= RETURN_S_MAX
    assert refused(10) <= {2, 3}


def test_methods_that_strangers_make_up_are_one_series_in_the_figures(make_app: MakeApp) -> None:
    app = make_app()
    for flooded in (False, True):
        if flooded:
            flood(app)
        for number in range(3):
            app.test_client().open("/", method=f"MADE{number}", headers={"X-Forwarded-For": "203.0.113.5"})
    figures = app.test_client().get("/metrics").text
    assert "MADE" not in figures and 'method="other",route="none",status="429"} 3.0' in figures
