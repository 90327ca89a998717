"""Checks are published by the operator alone, within bounds, and nobody else reads them."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import MakeApp, check_problem

STRANGER = {"environ_base": {"REMOTE_ADDR": "192.0.2.1"}}
NO_ID = "00000000-0000-4000-8000-000000000000"


def test_a_published_check_is_listed_read_and_deleted(client: FlaskClient) -> None:
    published = client.post("/checks", json={"source": "assert answer('x') == 'é'"})
    assert published.status_code == 201
    check = published.get_json()
    assert client.post("/checks", json={"source": "assert answer('x') == 'é'"}).get_json() == check
    assert client.get(published.headers["Location"]).get_json() == {**check, "source": "assert answer('x') == 'é'"}
    assert client.get("/checks").get_json() == {"checks": [check]}
    assert client.delete(f"/checks/{check['id']}").status_code == 204
    check_problem(client.get(f"/checks/{check['id']}"), 404, "deleted")
    check_problem(client.delete(f"/checks/{check['id']}"), 404, "no check")


@pytest.mark.parametrize("how", [STRANGER, {"headers": {"Origin": "https://book.example"}}, {"headers": {"Via": "x"}}])
def test_only_the_operator_publishes_and_reads(client: FlaskClient, how: dict) -> None:
    id = client.post("/checks", json={"source": "secret"}).get_json()["id"]
    for answer in (
        client.post("/checks", json={"source": "x"}, **how), client.get("/checks", **how),
        client.get(f"/checks/{id}", **how), client.delete(f"/checks/{id}", **how),
    ):  # fmt: skip
        check_problem(answer, 403, "operator")
    assert len(client.get("/checks").get_json()["checks"]) == 1


def test_where_there_is_a_key_loopback_alone_publishes_nothing(make_app: MakeApp) -> None:
    client = make_app(operator_key="k" * 24).test_client()
    check_problem(client.post("/checks", json={"source": "x"}), 403, "operator_key")
    key = {"Authorization": f"Bearer {'k' * 24}"}
    assert client.post("/checks", json={"source": "x"}, headers=key, **STRANGER).status_code == 201
    check_problem(client.get("/checks"), 403, "operator_key")


def test_more_checks_than_the_setting_allows_are_refused(make_app: MakeApp) -> None:
    client = make_app(checks_max=1).test_client()
    assert client.post("/checks", json={"source": "x"}).status_code == 201
    check_problem(client.post("/checks", json={"source": "y"}), 507, "1 checks")
    check_problem(client.get("/exercises"), 507, "1 checks")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"source": " \n"}, 422, "empty"),
        ({"source": "x = ("}, 422, "line 1"),
        ({"source": "(" * 400 + ")" * 400}, 422, "nested"),
        ({"source": "x", "language": "gap"}, 422, "python or sage"),
        ({"source": "x", "language": "bash"}, 422, "python or sage or r, not in 'bash'"),
        ({"source": "x <- (", "language": "r"}, 422, "no Python"),
        ({"source": "x", "language": "klingon"}, 422, "klingon"),
        ({"source": "x^", "language": "sage"}, 201, ""),
        ({"source": "x\0"}, 400, "NUL"),
        ({"source": "#" * 999}, 201, ""),
        ({"source": "#" * 1000}, 201, ""),
        ({"source": "#" * 1001}, 413, "1000"),
        ({"source": "x", "more": 1}, 400, "more"),
        ({}, 400, "source"),
    ],
)
def test_a_check_that_could_judge_nothing_is_refused(client: FlaskClient, body: dict, status: int, words: str) -> None:
    answer = client.post("/checks", json=body)
    assert answer.status_code == status, answer.text
    if status != 201:
        check_problem(answer, status, words)
        assert client.get("/checks").get_json() == {"checks": []}


def test_a_verdict_needs_a_computation_and_a_check(client: FlaskClient) -> None:
    id = client.post("/computations", json={"code": "1", "keep": True}).get_json()["id"]
    check = client.post("/checks", json={"source": "x"}).get_json()["id"]
    of_sage = client.post("/checks", json={"source": "x", "language": "sage"}).get_json()["id"]
    check_problem(client.post(f"/computations/{NO_ID}/verdict", json={"check": check}), 404, "computation")
    check_problem(client.post(f"/computations/{id}/verdict", json={"check": NO_ID}), 422, "check")
    check_problem(client.post(f"/computations/{id}/verdict", json={"check": of_sage}), 422, "sage")
    check_problem(client.post(f"/computations/{id}/verdict", json={"check": check}), 409, "queued")
    check_problem(client.post(f"/computations/{id}/verdict", json={}), 400, "check")


def test_the_page_of_exercises_has_ids_and_no_check(client: FlaskClient) -> None:
    page = client.get("/exercises")
    assert page.status_code == 200 and page.text.count("data-check=") == 10
    published = client.get("/checks").get_json()["checks"]
    assert len(published) == 10 and all(f'data-check="{check["id"]}"' in page.text for check in published)
    assert "test(" not in page.text and "wrong(" not in page.text
    client.get("/exercises")
    assert len(client.get("/checks").get_json()["checks"]) == 10
