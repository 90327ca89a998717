"""/status: the operator sees the server at a glance, and nobody else sees anything."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta, timezone

import pytest
from flask import Flask
from flask.testing import FlaskClient

import settings as settings_file
import store as stores
from store import Requester
from tests.web.conftest import Device, MakeApp, check_problem, submit
from web_server import create_app

KEY = "k" * 24
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.1"}


@pytest.fixture
def keyed(make_app: MakeApp) -> Flask:
    """A server with an operator's key."""
    return make_app(operator_key=KEY)


def basic(password: str) -> dict[str, str]:
    """Return the header by which a browser sends a password."""
    return {"Authorization": "Basic " + b64encode(f"me:{password}".encode()).decode()}


def test_outsiders_are_asked_for_the_operators_key_and_see_nothing(keyed: Flask) -> None:
    client = keyed.test_client()
    for headers in ({}, basic("k" * 23), basic(""), {"Authorization": f"Bearer {KEY}x"}, {"Authorization": "Basic x"}):
        answer = client.get("/status", environ_base=ELSEWHERE, headers=headers)
        check_problem(answer, 401, "operator")
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    for headers in (basic(KEY), {"Authorization": f"Bearer {KEY}"}):
        assert "Isolation self-test" in client.get("/status", environ_base=ELSEWHERE, headers=headers).text


def test_without_a_key_no_password_opens_the_page(client: FlaskClient) -> None:
    assert client.get("/status", environ_base=ELSEWHERE, headers=basic("")).status_code == 401
    assert client.get("/status").status_code == 200  # on the loopback


def test_the_page_shows_devices_queue_clients_faults_and_the_last_hour(client: FlaskClient, device: Device) -> None:
    store = device.store
    submit(client)
    account = {
        "account": "untrusted@a", "state": "ready", "sentence": "", "limiter": "cgroup2", "capacity": 4, "free": 3,
        "sessions": 1, "pool": [["python", 4]], "languages": [{"name": "python", "version": "3.11"}],
        "layers": [{"name": "seccomp", "state": "on", "detail": "<b>"}],
    }  # fmt: skip
    now = datetime.now(timezone.utc)
    fault = [now, "WARNING", "cell=1 <script>alert(1)</script>"]
    store.devices.report("device-1", "host-1", {"accounts": [account], "faults": [fault], "python": "3.11.2"})
    minute = now.replace(second=0, microsecond=0) - timedelta(minutes=3)
    store.overview.note_minute("device-1", minute, {"done": 5.0, "failed": 2.0, "waited_s": 14.0})
    store.overview.note_minute("device-2", minute, {"done": 1.0})
    store.overview.note_minute("device-1", minute + timedelta(minutes=1), {})  # nothing was done
    store.budgets.charge({Requester("c" * 32, "https://a.example", "course"): 1e6})
    page = client.get("/status").text
    for text in ("untrusted@a", "seccomp on", "python 4", "cgroup2", "host-1", "c" * 32, "https://a.example", "course",
                 "8 computations ended", "2 failed", "1.75 s in the queue", "MongoDB"):  # fmt: skip
        assert text in page, text
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_the_page_says_when_the_database_is_away() -> None:
    nowhere = settings_file.load(mongo_uri="mongodb://127.0.0.1:1/", mongo_timeout_s=0.2)
    app = create_app(nowhere)
    assert "The database does not answer" in app.test_client().get("/status").text
    stores.connect(nowhere).close()
