"""Sessions, and introspection in them."""

from __future__ import annotations

import json
import threading

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from harness.processes import wait_for
from tests.web.conftest import Device, check_problem, submit

REPLY = {"status": "ok", "matches": ["print"], "cursor_start": 0, "cursor_end": 3, "metadata": {}}


def idle_session(client: FlaskClient, device: Device) -> str:
    """Return a session that a device keeps and that is idle."""
    session: str = submit(client, keep=True)["session"]
    device.run()
    device.sessions.append(session)
    return session


def ask(app: Flask, device: Device, path: str, body: dict, status: str = "ok") -> tuple[TestResponse, object]:
    """Post an introspection, let the device reply; return the response and the introspection."""
    answers: list[TestResponse] = []
    asker = threading.Thread(target=lambda: answers.append(app.test_client().post(path, json=body)))
    asker.start()
    asked = wait_for(lambda: device.store.introspections.claim("device-1", device.sessions))
    device.store.introspections.reply(asked, status, json.dumps(REPLY).encode())
    asker.join(10)
    return answers[0], asked


def test_a_session_goes_from_starting_to_gone(client: FlaskClient, device: Device) -> None:
    first = submit(client, keep=True)
    path = f"/sessions/{first['session']}"
    answer = client.get(path).get_json()
    assert answer["state"] == "starting" and answer["computations"] == [first["id"]]
    claim = device.claim()
    assert client.get(path).get_json()["state"] == "busy"
    device.finish(claim)
    idle = client.get(path).get_json()
    assert idle["state"] == "idle" and idle["language"] == "python" and idle["expires"].endswith("Z")
    device.store.sessions.end(first["session"], "session_gone")
    gone = client.get(path).get_json()
    assert gone["state"] == "gone" and gone["reason"] == "session_gone"


def test_deleting_a_session_asks_for_its_end(client: FlaskClient, device: Device) -> None:
    session = idle_session(client, device)
    assert client.delete(f"/sessions/{session}").status_code == 202
    device.store.sessions.end(session, "cancelled")
    check_problem(client.delete(f"/sessions/{session}"), 410, "ended")


def test_completion_asks_the_session(app: Flask, client: FlaskClient, device: Device) -> None:
    session = idle_session(client, device)
    response, asked = ask(app, device, f"/sessions/{session}/complete", {"code": "pri", "cursor_pos": 3})
    assert response.status_code == 200 and response.get_json() == REPLY
    assert (asked.session, asked.kind, asked.code, asked.cursor_pos) == (session, "complete", "pri", 3)


def test_inspection_asks_a_fresh_namespace(app: Flask, device: Device) -> None:
    body = {"code": "print", "cursor_pos": 5, "language": "python", "detail_level": 1}
    response, asked = ask(app, device, "/sessions/-/inspect", body)
    assert response.status_code == 200
    assert (asked.session, asked.language, asked.kind) == (None, "python", "inspect")
    assert asked.detail_level == 1


def test_a_session_that_computes_answers_409_and_its_supervisor_says_whether(app: Flask, device: Device) -> None:
    client = app.test_client()
    session = idle_session(client, device)
    submit(client, session=session, keep=True)
    device.claim()
    body = {"code": "pri", "cursor_pos": 3}
    refused, _asked = ask(app, device, f"/sessions/{session}/complete", body, "busy")
    check_problem(refused, 409, "computes")
    answered, _asked = ask(app, device, f"/sessions/{session}/complete", body)
    assert answered.status_code == 200


def test_what_the_device_says_becomes_a_status(app: Flask, client: FlaskClient, device: Device) -> None:
    session = idle_session(client, device)
    for status, code in (("busy", 409), ("gone", 410), ("error", 503)):
        response, _ = ask(app, device, f"/sessions/{session}/complete", {"code": "", "cursor_pos": 0}, status)
        check_problem(response, code)


def test_a_session_that_is_gone_answers_410(client: FlaskClient, device: Device) -> None:
    session = idle_session(client, device)
    device.store.sessions.end(session, "session_gone")
    check_problem(client.post(f"/sessions/{session}/inspect", json={"code": "", "cursor_pos": 0}), 410)


def test_another_language_than_the_sessions_is_422(client: FlaskClient, device: Device) -> None:
    session = idle_session(client, device)
    body = {"code": "", "cursor_pos": 0, "language": "r"}
    check_problem(client.post(f"/sessions/{session}/complete", json=body), 422, "python")


def test_an_introspection_that_nobody_claims_is_503(client: FlaskClient, monkeypatch) -> None:
    monkeypatch.setattr("web.sessions.REPLY_S", 0.01)
    body = {"code": "", "cursor_pos": 0, "language": "python"}
    check_problem(client.post("/sessions/-/complete", json=body), 503, "worker")


def test_the_cursor_counts_characters(client: FlaskClient, monkeypatch) -> None:
    monkeypatch.setattr("web.sessions.REPLY_S", 0.01)
    for cursor_pos, status in ((1, 503), (2, 503), (3, 400)):
        body = {"code": "\U0001f600é", "cursor_pos": cursor_pos, "language": "python"}
        check_problem(client.post("/sessions/-/complete", json=body), status)
