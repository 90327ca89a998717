"""``Idempotency-Key``: what is sent again runs once."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import store as stores
from store import Key, Store
from tests.web.conftest import Device, check_problem, texts

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


def send(client: FlaskClient, key: str = KEY, code: str = "1", path: str = "", **request: Any) -> TestResponse:
    headers = {"Idempotency-Key": key, **request.pop("headers", {})}
    return client.post(f"/computations{path}", json={"code": code}, headers=headers, **request)


def test_the_same_key_gives_the_same_201_and_runs_once(client: FlaskClient, device: Device) -> None:
    first = send(client)
    again = send(client)
    assert first.status_code == again.status_code == 201
    assert "Idempotent-Replayed" not in first.headers and again.headers["Idempotent-Replayed"] == "true"
    assert first.get_json() == again.get_json() and first.headers["Location"] == again.headers["Location"]
    device.run("a")
    assert device.store.claims.claim("device-1", languages=["python"], sessions=[], new_sessions=True) is None
    late = send(client, path="?wait=30").get_json()
    assert late["id"] == first.get_json()["id"] and late["state"] == "done"
    assert texts(late["messages"]) == ["a"] and late["finished"]
    assert send(client, key="another").get_json()["id"] != late["id"]


def test_another_body_under_the_same_key_is_422_and_changes_nothing(client: FlaskClient, device: Device) -> None:
    id = send(client).get_json()["id"]
    check_problem(send(client, code="2"), 422, "another body")
    assert device.run().id == id
    check_problem(send(client, code="2"), 422, "another body")
    assert device.store.claims.claim("device-1", languages=["python"], sessions=[], new_sessions=True) is None


def test_a_body_is_the_same_however_it_is_written_but_for_its_files(client: FlaskClient) -> None:
    def form(content: bytes | None = None) -> TestResponse:
        files = {} if content is None else {"file": (BytesIO(content), "a.txt")}
        data = {"code": "1", **files}
        headers = {"Idempotency-Key": KEY if content is None else "files"}
        return client.post("/computations", data=data, headers=headers, content_type="multipart/form-data")

    assert form().get_json()["id"] == send(client).get_json()["id"]
    assert form(b"x").get_json()["id"] == form(b"x").get_json()["id"]
    check_problem(form(b"y"), 422, "another body")


def test_a_page_of_another_site_says_the_key_in_the_address(client: FlaskClient) -> None:
    ids = {client.post(f"/computations?idempotency_key={KEY}", json={"code": "1"}).get_json()["id"] for _ in range(2)}
    assert ids == {send(client).get_json()["id"]}
    assert send(client, path="?idempotency_key=other").get_json()["id"] in ids  # the header is before it


def test_what_comes_again_as_if_for_the_first_time_is_known_all_the_same(client: FlaskClient, device: Device) -> None:
    first = send(client, path="?first=1")
    again = send(client, path="?first=1")
    assert first.status_code == again.status_code == 201 and again.headers["Idempotent-Replayed"] == "true"
    assert first.get_json()["id"] == again.get_json()["id"]
    check_problem(send(client, code="2", path="?first=1"), 422, "another body")
    device.run()
    assert send(client, path="?first=1").get_json()["id"] == first.get_json()["id"]
    assert device.store.claims.claim("device-1", languages=["python"], sessions=[], new_sessions=True) is None
    check_problem(send(client, path="?first=2"), 400, "`first`")


@pytest.mark.parametrize(("key", "status"), [("", 400), ("a", 201), ("a" * 255, 201), ("a" * 256, 400), ("a b", 400)])
def test_a_key_is_1_to_255_visible_characters(client: FlaskClient, key: str, status: int) -> None:
    answer = send(client, key=key)
    assert answer.status_code == status
    if status == 400:
        check_problem(answer, 400, "`Idempotency-Key`")


def test_the_same_key_of_another_visitor_is_another_key(client: FlaskClient) -> None:
    one, other = ({"X-Forwarded-For": f"192.0.2.{n}"} for n in (1, 2))
    first = send(client, headers=one)
    assert send(client, headers=other).get_json()["id"] != first.get_json()["id"]
    assert send(client, headers=other, code="2").status_code == 422  # of their own
    assert send(client, headers=one).get_json()["id"] == first.get_json()["id"]


def test_a_program_with_an_api_key_keeps_its_keys_where_it_goes(client: FlaskClient, store: Store) -> None:
    api, page = (store.keys.make(Key(f"of-{kind}", kind)) for kind in ("api", "page"))  # type: ignore[arg-type]

    def sent(text: str, address: int) -> str:
        headers = {"Authorization": f"Bearer {text}", "X-Forwarded-For": f"192.0.2.{address}"}
        return str(send(client, headers=headers).get_json()["id"])

    assert sent(api, 1) == sent(api, 2)
    assert len({sent(page, 1), sent(page, 2), sent(api, 1)}) == 3


def test_who_is_over_a_share_is_told_of_what_ran_already(client: FlaskClient, monkeypatch) -> None:
    first = send(client)

    def refuse(*_: object) -> None:
        raise stores.OverShareError("cpu", "Your address has used its computing time.")

    monkeypatch.setattr("web.requesters.check_budgets", refuse)
    assert send(client).get_json()["id"] == first.get_json()["id"]
    check_problem(send(client, key="another"), 429, "computing time")


def test_a_key_is_known_over_midnight(client: FlaskClient, monkeypatch) -> None:
    from datetime import datetime, timedelta, timezone

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(timezone.utc) + timedelta(days=1)

    first = send(client)
    monkeypatch.setattr("store.clients.datetime", Tomorrow)
    assert send(client).get_json()["id"] == first.get_json()["id"]
