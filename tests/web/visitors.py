"""Submit as visitors do: from an address of their own, through a proxy; and what they are told when it is too much."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from store import Store
from tests.web.conftest import check_problem


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
