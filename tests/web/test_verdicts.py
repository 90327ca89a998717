"""The web carries expressions and values between a check's session and an answer's, and believes neither."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from harness.processes import wait_for
from store import Claim, Reason
from tests.web.conftest import DEADLINE_S, Device, check_problem, message
from web import checks
from web.examinations import FAULTY, TOO_LONG, VERDICT_TYPE

VERDICT = {"correct": True, "message": "", "type": "success", "points": 1.0, "points_max": 1.0, "tests": []}


@pytest.fixture
def answer(client: FlaskClient, device: Device) -> str:
    """A computation that has come to its end in a session that lives."""
    id = client.post("/computations", json={"code": "x = 1", "keep": True}).get_json()["id"]
    claim = device.run("printed")
    device.sessions.append(claim.session)
    return id


def judge(
    app: Flask, device: Device, answer: str, play: Callable[[Claim], None], check: str = "secret"
) -> TestResponse:
    """Ask for a verdict, and play what the check's session does; return the response."""
    client = app.test_client()
    id = client.post("/checks", json={"source": check}).get_json()["id"]
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, f"/computations/{answer}/verdict", json={"check": id})

        def claim() -> Claim | None:
            return device.store.claims.claim("device-1", languages=["python"], sessions=[], new_sessions=True)

        play(wait_for(claim))
        return asked.result(DEADLINE_S)


def show(device: Device, claim: Claim, verdict: object) -> None:
    """Have the check's session show a verdict, and end."""
    bundle = {"data": {VERDICT_TYPE: verdict}, "metadata": {}}
    device.store.claims.finish(claim, "done", messages=[message("display_data", bundle)])


def probe(device: Device, claim: Claim, prompt: str, status: str, content: bytes = b"{}") -> None:
    """Have the check ask, and the answer's session reply."""
    request = message("input_request", {"prompt": prompt, "password": False}, "stdin")
    device.store.claims.append(claim, [request], asking=True)
    asked = wait_for(lambda: device.store.introspections.claim("device-1", device.sessions))
    assert (asked.kind, asked.code, asked.session) == ("probe", prompt, device.sessions[0])
    device.store.introspections.reply(asked, status, content)


def test_a_check_gets_its_text_the_answer_s_and_the_values_that_it_asks_for(
    app: Flask, device: Device, answer: str
) -> None:
    def play(claim: Claim) -> None:
        assert claim.session != device.sessions[0] and not claim.keep and claim.stdin
        for text in ("secret", "x = 1", "printed"):
            assert text in claim.code
        probe(device, claim, '["x"]', "ok", b'{"status":"ok","values":[{"value":["int","1"]}]}')
        (wish,) = wait_for(lambda: [wish for wish in device.store.claims.renew([claim]) if wish.answers])
        assert json.loads(wish.answers[0])["values"] == [{"value": ["int", "1"]}]
        show(device, claim, VERDICT)

    response = judge(app, device, answer, play)
    assert response.status_code == 200 and response.get_json()["correct"]
    assert app.test_client().get(f"/computations/{answer}").get_json()["verdict"] == response.get_json()


@pytest.mark.parametrize("status", ["gone", "busy"])
def test_an_answer_s_session_that_cannot_reply_ends_the_check(
    app: Flask, device: Device, answer: str, status: str
) -> None:
    kept: list[Claim] = []

    def play(claim: Claim) -> None:
        kept.append(claim)
        probe(device, claim, '["x"]', status)

    check_problem(judge(app, device, answer, play), {"gone": 410, "busy": 409}[status], "session")
    assert wait_for(lambda: device.store.claims.renew(kept)[0].cancel)


@pytest.mark.parametrize(
    "shown",
    [None, "yes", {}, {**VERDICT, "correct": "yes"}, {**VERDICT, "type": "perfect"}, {**VERDICT, "message": "x" * 2001},
     {**VERDICT, "tests": [{"name": "x"}]}, {**VERDICT, "points": None}],
)  # fmt: skip
def test_what_is_no_verdict_is_none(app: Flask, device: Device, answer: str, shown: object) -> None:
    response = judge(app, device, answer, lambda claim: show(device, claim, shown))
    told = response.get_json()
    assert response.status_code == 200 and (told["correct"], told["message"]) == (False, FAULTY)


@pytest.mark.parametrize(("reason", "status"), [("session_gone", 503), ("memory", 200)])
def test_a_check_that_the_machinery_lost_may_be_tried_again(
    app: Flask, device: Device, answer: str, reason: Reason, status: int
) -> None:
    def play(claim: Claim) -> None:
        device.store.claims.finish(claim, "failed", reason=reason, messages=[])

    assert judge(app, device, answer, play).status_code == status


def test_a_check_that_asks_the_reader_is_at_fault(app: Flask, device: Device, answer: str) -> None:
    response = judge(app, device, answer, device.ask)
    assert response.get_json()["message"] == FAULTY and "input()" in response.get_json()["fault"]


def test_a_check_that_takes_too_long_is_ended_and_says_so(
    app: Flask, device: Device, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "EXAMINATION_S", 2.0)
    kept: list[Claim] = []
    response = judge(app, device, answer, kept.append)
    assert response.status_code == 200 and response.get_json()["message"] == TOO_LONG
    assert wait_for(lambda: device.store.claims.renew(kept)[0].cancel)


def test_a_check_that_finds_no_place_is_withdrawn(
    client: FlaskClient, device: Device, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "EXAMINATION_S", 0.2)
    id = client.post("/checks", json={"source": "secret"}).get_json()["id"]
    check_problem(client.post(f"/computations/{answer}/verdict", json={"check": id}), 503, "place")
    with pytest.raises(AssertionError, match="no computation is queued"):
        device.claim()


def test_an_answer_that_raised_is_not_right_and_no_check_runs(client: FlaskClient, device: Device) -> None:
    answer = client.post("/computations", json={"code": "1/0", "keep": True}).get_json()["id"]
    claim = device.claim()
    reply = {"status": "error", "execution_count": 1, "ename": "ValueError", "evalue": 'of "stdout"', "traceback": [],
             "user_expressions": {"stdout": {}}, "payload": []}  # fmt: skip
    device.store.claims.finish(claim, "done", messages=[message("execute_reply", reply, "shell")])
    id = client.post("/checks", json={"source": "secret"}).get_json()["id"]
    told = client.post(f"/computations/{answer}/verdict", json={"check": id}).get_json()
    assert (told["correct"], told["type"], told["message"]) == (False, "error", 'ValueError: of "stdout"')
