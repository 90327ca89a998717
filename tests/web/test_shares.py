"""Shares and budgets over HTTP: what is over is 429 with a time and a sentence, is not stored, and others go on."""

from __future__ import annotations

import io
import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from store import Requester, Store
from store.rules import Key
from tests import threads
from tests.web.conftest import MakeApp, check_problem
from web import early_refusals
from web.client_shares import (
    INTROSPECTIONS,
    REQUESTS_BURST,
    SITE_INTROSPECTIONS,
    SITE_UPLOADS,
    UPLOADS,
    sites_of,
)
from web.connections import CROWDED_S, Connection, Connections
from web.return_times import RETURN_S_MAX, ReturnTimes
from web.stages import SITE_SHARES, Kind
from web.turns import Rate, Turns

OPERATOR_KEY = "k" * 24


def store_of(app: Flask) -> Store:
    store: Store = app.extensions["singlecell"].store
    return store


def submit(client: FlaskClient, address: str | None, query: str = "", **headers: str) -> TestResponse:
    """Submit a cell as this address would through a proxy; without one as the operator."""
    forwarded = {"X-Forwarded-For": address} if address else {}
    return client.post(f"/computations{query}", json={"code": "1"}, headers={**forwarded, **headers})


def check_refused(response: TestResponse, reason: str, mentions: str) -> float:
    """Fail unless this is a refusal for this share; return how long it asks for a pause."""
    check_problem(response, 429, mentions)
    assert response.get_json()["reason"] == reason
    return float(response.headers["Retry-After"])


def stored(app: Flask) -> int:
    return store_of(app)._database.collection("computations").count_documents({})


# --- the queue --------------------------------------------------------------------------------------------------------
def test_a_page_over_its_share_of_what_waits_is_refused_and_others_are_not(make_app: MakeApp) -> None:
    app = make_app(page_waiting_max=2)
    client = app.test_client()
    for _ in range(2):
        assert submit(client, "203.0.113.5").status_code == 201
    assert check_refused(submit(client, "203.0.113.5"), "waiting", "wait already") > 0
    assert stored(app) == 2
    assert submit(client, "203.0.113.6").status_code == 201
    assert submit(client, "203.0.113.5", "?page=another").status_code == 201
    assert submit(client, None).status_code == 201


def test_addresses_of_one_ipv6_network_are_one_client(make_app: MakeApp) -> None:
    client = make_app(page_waiting_max=1).test_client()
    assert submit(client, "2001:db8:0:1::1").status_code == 201
    check_refused(submit(client, "2001:db8:0:1:ffff::2"), "waiting", "wait already")
    assert submit(client, "2001:db8:0:2::1").status_code == 201


def test_pages_of_one_address_have_shares_of_their_own_up_to_that_of_a_class(make_app: MakeApp) -> None:
    client = make_app(page_waiting_max=2, client_waiting_max=5).test_client()
    pages = [f"?page=page-{number % 3}" for number in range(5)]
    assert [submit(client, "203.0.113.5", page).status_code for page in pages] == [201] * 5
    check_refused(submit(client, "203.0.113.5", "?page=page-2"), "waiting", "address")


def test_an_origin_over_its_share_is_refused_from_all_addresses(make_app: MakeApp) -> None:
    client = make_app(origin_waiting_max=2).test_client()
    for number in range(2):
        assert submit(client, f"203.0.113.{number}", Origin="https://a.example").status_code == 201
    check_refused(submit(client, "203.0.113.9", Origin="https://a.example"), "waiting", "site")
    assert submit(client, "203.0.113.9", Origin="https://b.example").status_code == 201


def test_positions_are_those_of_clients_that_take_turns(make_app: MakeApp) -> None:
    client = make_app().test_client()
    many = [submit(client, "203.0.113.5").get_json()["id"] for _ in range(3)]
    one = submit(client, "203.0.113.6").get_json()["id"]
    positions = [client.get(f"/computations/{id}").get_json()["queue_position"] for id in (*many, one)]
    assert positions == [1, 3, 4, 2]


@pytest.mark.parametrize("page", ["", "a" * 65, "a b", "é"])
def test_a_page_s_name_that_is_none_is_refused(client: FlaskClient, page: str) -> None:
    response = client.post("/computations", query_string={"page": page}, json={"code": "1"})
    check_problem(response, 400, "page")


# --- CPU time ---------------------------------------------------------------------------------------------------------
def overdraw(app: Flask, requester: Requester) -> None:
    """Charge a requester with a lot, and have a device report it."""
    store = store_of(app)
    store.budgets.charge({requester: 1e6})
    overdrawn = [list(found) for found in store.budgets.overdrawn().items()]
    store.devices.report("device-1", "host", {"accounts": [], "overdrawn": overdrawn})


def names(app: Flask, address: str, origin: str | None = None) -> Requester:
    return Requester(store_of(app).clients.identity(address), origin)


def test_a_client_that_has_used_its_cpu_time_is_told_when_there_is_more(make_app: MakeApp) -> None:
    app = make_app(origin_cpu_s_per_hour=1e12)
    overdraw(app, names(app, "203.0.113.5", "https://a.example"))
    client = app.test_client()
    refused = submit(client, "203.0.113.5")
    assert check_refused(refused, "cpu", "address") > 3600
    assert stored(app) == 0
    assert submit(client, "203.0.113.6", Origin="https://a.example").status_code == 201
    assert submit(client, None).status_code == 201


def test_an_origin_and_a_key_that_have_used_their_cpu_time_are_refused(make_app: MakeApp) -> None:
    app = make_app()
    text = store_of(app).keys.make(Key("course", "page"))
    overdraw(app, Requester(None, "https://a.example", "course"))
    client = app.test_client()
    check_refused(submit(client, "203.0.113.5", Origin="https://a.example"), "cpu", "site")
    check_refused(submit(client, "203.0.113.6", f"?key={text}"), "cpu", "key")
    assert submit(client, "203.0.113.6", Origin="https://b.example").status_code == 201


def test_limits_say_what_is_left(make_app: MakeApp) -> None:
    app = make_app(client_cpu_s_per_hour=100.0, origin_cpu_s_per_hour=1000.0)
    store_of(app).budgets.charge({names(app, "203.0.113.5", "https://a.example"): 25.0})
    client = app.test_client()
    headers = {"X-Forwarded-For": "203.0.113.5", "Origin": "https://a.example"}
    left = client.get("/limits", headers=headers).get_json()["left"]
    assert left["client_cpu_s"] == {"value": pytest.approx(75, abs=1), "most": 100.0, "again_s": 0, "unit": "s"}
    assert left["origin_cpu_s"]["value"] == pytest.approx(975, abs=1)
    assert client.get("/limits").get_json()["left"] == {}


def test_addresses_are_not_stored(make_app: MakeApp) -> None:
    app = make_app()
    store = store_of(app)
    assert submit(app.test_client(), "203.0.113.5").status_code == 201
    overdraw(app, names(app, "203.0.113.5"))
    database = store._database.ready()
    for collection in database.list_collection_names():
        assert "203.0.113.5" not in str(list(database[collection].find())), collection


# --- requests, uploads, questions, connections ------------------------------------------------------------------------
def test_a_client_with_too_many_requests_a_second_is_told_to_pause(make_app: MakeApp) -> None:
    app = make_app()
    rate = app.extensions["singlecell"].client_shares.requests
    rate._step_s, rate._burst_s = 3600.0, 3600.0 * REQUESTS_BURST  # one an hour, however slow this machine is
    client = app.test_client()
    answers = [client.get("/languages", headers={"X-Forwarded-For": "203.0.113.5"}) for _ in range(REQUESTS_BURST + 2)]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused and all(answer.status_code == 200 for answer in answers[:REQUESTS_BURST])
    assert check_refused(refused[0], "requests", "address") >= 1
    assert client.get("/healthz", headers={"X-Forwarded-For": "203.0.113.5"}).status_code == 200
    assert client.get("/languages", headers={"X-Forwarded-For": "203.0.113.6"}).status_code == 200
    assert {client.get("/languages").status_code for _ in range(REQUESTS_BURST + 2)} == {200}


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


def flood(app: Flask) -> None:
    """Have a client be over its rate for an hour."""
    app.extensions["singlecell"].client_shares.requests._due["203.0.113.5"] = time.monotonic() + 3600


def test_a_client_has_so_many_uploads_at_once(make_app: MakeApp) -> None:
    app = make_app()
    client = app.test_client()

    def upload(address: str) -> TestResponse:
        data = {"code": "1", "file": (io.BytesIO(b"x"), "a.txt")}
        return client.post("/computations", data=data, headers={"X-Forwarded-For": address})

    with ExitStack() as under_way:
        for _ in range(UPLOADS):
            uploads = app.extensions["singlecell"].client_shares.uploads
            assert under_way.enter_context(uploads.taken("203.0.113.5"))
        check_refused(upload("203.0.113.5"), "uploads", "files")
        assert stored(app) == 0
        assert upload("203.0.113.6").status_code == 201
    assert upload("203.0.113.5").status_code == 201


def test_an_origin_and_a_key_have_so_many_uploads_and_questions_at_once(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.client_shares.INTROSPECTION_WAIT_S", 0.1)
    app = make_app()
    shares, text = app.extensions["singlecell"].client_shares, store_of(app).keys.make(Key("course", "page"))
    client, site = app.test_client(), "https://a.example"

    def upload(address: str, query: str = "", **headers: str) -> TestResponse:
        data = {"code": "1", "file": (io.BytesIO(b"x"), "a.txt")}
        forwarded = {"X-Forwarded-For": address, **headers}
        return client.post(f"/computations{query}", data=data, headers=forwarded)

    with ExitStack() as under_way:
        for number in range(SITE_UPLOADS):
            assert under_way.enter_context(shares.upload(f"192.0.2.{number}", sites_of(site, "course")))
        check_refused(upload("203.0.113.5", Origin=site), "uploads", "this site")
        check_refused(upload("203.0.113.6", f"?key={text}"), "uploads", "this site")
        assert stored(app) == 0
        assert upload("203.0.113.7", Origin="https://b.example").status_code == 201
        for number in range(SITE_INTROSPECTIONS):
            assert under_way.enter_context(shares.question(f"192.0.2.{number}", sites_of(site, None)))
        asked = {"code": "pri", "cursor_pos": 3, "language": "python"}
        forwarded = {"X-Forwarded-For": "203.0.113.5", "Origin": site}
        check_refused(client.post("/sessions/-/complete", json=asked, headers=forwarded), "questions", "this site")
        with shares.question("203.0.113.5", sites_of("https://b.example", None)) as granted:
            assert granted
    assert upload("203.0.113.5", Origin=site).status_code == 201


def test_a_client_s_questions_wait_for_each_other_and_not_others_for_them(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.client_shares.INTROSPECTION_WAIT_S", 0.1)
    app = make_app()
    shared = app.extensions["singlecell"]
    asked = {"code": "pri", "cursor_pos": 3, "language": "python"}
    answers: list[int] = []
    with ExitStack() as under_way:
        for _ in range(INTROSPECTIONS):
            assert under_way.enter_context(shared.client_shares.introspections.taken("203.0.113.5"))
        # Who has its turns under way waits for one, outside of the database.
        refused = app.test_client().post(
            "/sessions/-/complete", json=asked, headers={"X-Forwarded-For": "203.0.113.5"}
        )
        check_refused(refused, "questions", "questions")
        questions = store_of(app)._database.collection("questions")
        assert questions.count_documents({}) == 0

        def ask() -> None:
            other = {"X-Forwarded-For": "203.0.113.6"}
            answers.append(app.test_client().post("/sessions/-/complete", json=asked, headers=other).status_code)

        thread = threading.Thread(target=ask)
        thread.start()
        while (found := store_of(app).introspections.claim("device-1", [])) is None:
            assert thread.is_alive()
        store_of(app).introspections.reply(found, "ok")
        threads.join([thread])
    assert answers == [200]


def test_a_turn_is_waited_for_and_handed_on() -> None:
    turns = Turns(1, waiting_max=1)
    with turns.taken("a") as granted:
        assert granted
        got: list[bool] = []

        def wait() -> None:
            with turns.taken("a", 60.0) as granted:
                got.append(granted)

        thread = threading.Thread(target=wait)
        thread.start()
        while turns._entries["a"].users < 2:
            assert thread.is_alive()
        with turns.taken("a", 60.0) as granted:  # more than may wait: refused at once
            assert not granted
        with turns.taken("b") as granted:
            assert granted
        assert got == []
    threads.join([thread])
    assert got == [True] and turns._entries == {}


def test_a_rate_allows_its_burst_and_then_so_many_a_second() -> None:
    rate = Rate(per_s=0.001, burst=3)
    assert [rate.pause_s("a") > 0 for _ in range(6)] == [False] * 4 + [True] * 2
    assert rate.pause_s("b") == 0.0 and rate.pause_s(None) == 0.0
    assert rate.pause_s("a") == pytest.approx(1000, abs=10)


def connected(client: str | None, *sites: str) -> Connection:
    connection = Connection()
    connection.client, connection.sites = client, sites
    return connection


@pytest.mark.parametrize("kind", [Kind.WORK, Kind.WAIT, Kind.EVENTS])
def test_a_client_has_its_share_of_connections_and_others_have_the_rest(kind: Kind) -> None:
    connections = Connections(512)
    own = [connected("a") for _ in range(connections.client_bound(kind))]
    assert all(connections.move(connection, kind) for connection in own)
    assert not connections.move(connected("a"), kind) and connections.is_over_share(connected("a"), kind)
    others = connections.bound(kind) - len(own)
    assert others >= len(own) / 2 and all(connections.move(connected(None), kind) for _ in range(others))
    assert not connections.move(connected("b"), kind) and not connections.is_over_share(connected("b"), kind)
    connections.leave(own[0])
    assert connections.move(connected("a"), kind)


@pytest.mark.parametrize("kind", SITE_SHARES)
@pytest.mark.parametrize("site", sites_of("https://a.example", "course"))
def test_a_site_has_its_share_of_connections_from_all_addresses(kind: Kind, site: str) -> None:
    connections = Connections(512, 64)
    own = [connected(f"192.0.2.{number}", site) for number in range(connections.site_bound(kind))]
    assert all(connections.move(connection, kind) for connection in own)
    late = connected("198.51.100.1", "origin https://b.example", site)
    assert not connections.move(late, kind) and connections.is_over_share(late, kind)
    assert connections.move(connected("198.51.100.1", "origin https://b.example"), kind)
    own[0].sites = ()  # what it counts in now is what it is taken out of
    connections.leave(own[0])
    assert connections.move(late, kind)


def test_a_poll_counts_in_the_shares_of_the_site_that_its_computation_is_from(make_app: MakeApp) -> None:
    app = make_app()
    client, connections = app.test_client(), app.extensions["singlecell"].connections
    text = store_of(app).keys.make(Key("course", "page"))
    of_site = submit(client, "203.0.113.5", f"?key={text}", Origin="https://a.example").get_json()["id"]
    other = submit(client, "203.0.113.6", Origin="https://b.example").get_json()["id"]
    for sites in (sites_of("https://a.example", None), sites_of(None, "course")):
        with ExitStack() as held:
            for kind in (Kind.WAIT, Kind.CROWDED):
                for number in range(connections.site_bound(kind)):
                    assert held.enter_context(connections.being(connected(f"192.0.2.{number}", *sites), kind))
            headers = {"X-Forwarded-For": "203.0.113.5"}
            page = client.get(f"/computations/{of_site}/messages?wait=30", headers=headers).get_json()
            assert page["state"] == "queued"  # it was answered at once: its deadline is this test's
            assert held.enter_context(connections.waiting(connected("203.0.113.6", *sites_of("b", None)), 30.0)) == 30.0
            assert client.get(f"/computations/{other}/messages", headers=headers).status_code == 200
            stream = client.get(f"/computations/{of_site}/events?after=-1", headers=headers)
            assert stream.status_code == 200  # streams have places of their own
            stream.close()


def test_long_polls_beyond_a_client_s_share_are_short_ones() -> None:
    connections = Connections(512)
    with ExitStack() as held:
        for _ in range(connections.client_bound(Kind.WAIT)):
            assert held.enter_context(connections.waiting(connected("a"), 30.0)) == 30.0
        for _ in range(connections.client_bound(Kind.CROWDED)):
            assert held.enter_context(connections.waiting(connected("a"), 30.0)) == CROWDED_S
        assert held.enter_context(connections.waiting(connected("a"), 30.0)) == 0.0
        assert held.enter_context(connections.waiting(connected("b"), 30.0)) == 30.0


def test_of_a_client_s_bodies_its_own_oldest_gives_way() -> None:
    connections = Connections(512)
    others = connected("b")
    assert connections.move(others, Kind.BODY)
    own = [connected("a") for _ in range(connections.client_bound(Kind.BODY) + 1)]
    assert all(connections.move(connection, Kind.BODY) for connection in own)
    assert [connection.was_cut for connection in own] == [True] + [False] * (len(own) - 1)
    assert not others.was_cut
