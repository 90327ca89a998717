"""Shares and budgets over HTTP: what is over is 429 with a time and a sentence, is not stored, and others go on."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from store import Requester
from store.rules import Key
from tests.web.conftest import MakeApp, check_problem
from tests.web.visitors import check_refused, store_of, stored, submit
from web.client_shares import REQUESTS_BURST
from web.turns import Rate


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


# --- requests --------------------------------------------------------------------------------------------------------
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


def test_a_rate_allows_its_burst_and_then_so_many_a_second() -> None:
    rate = Rate(per_s=0.001, burst=3)
    assert [rate.pause_s("a") > 0 for _ in range(6)] == [False] * 4 + [True] * 2
    assert rate.pause_s("b") == 0.0 and rate.pause_s(None) == 0.0
    assert rate.pause_s("a") == pytest.approx(1000, abs=10)
