"""Proofs of work over HTTP: asked for while many wait, good once, for who was asked, and for a while."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from singlecell_client.proof import prove
from store import Key
from tests.web.conftest import MakeApp, check_problem, described_answers
from web import proofs
from web_server import create_app


@pytest.fixture
def busy(make_app: MakeApp) -> Flask:
    """A server on which as many computations wait as make it ask for proofs."""
    app = make_app(proof_of_work=True, proof_waiting_min=2, proof_tries=50)
    app.after_request(described_answers(app, app.extensions["singlecell"].settings))
    assert submit(app, None).status_code == submit(app, None).status_code == 201
    count_again(app)
    return app


def count_again(app: Flask) -> None:
    """Have the server count now what waits, as it does twice a second."""
    app.extensions["singlecell"].proofs._looked_at = float("-inf")


def submit(app: Flask, address: str | None = "203.0.113.5", query: str = "", **headers: str) -> TestResponse:
    """Submit a cell as this address would through a proxy; without one as the operator."""
    forwarded = {"X-Forwarded-For": address} if address else {}
    return app.test_client().post(f"/computations{query}", json={"code": "1"}, headers={**forwarded, **headers})


def challenge(app: Flask, address: str = "203.0.113.5") -> dict:
    refused = submit(app, address)
    check_problem(refused, 429, "solve the challenge")
    assert refused.headers["Singlecell-Problem"] == refused.get_json()["reason"] == "proof"
    assert float(refused.headers["Retry-After"]) > 0
    return refused.get_json()["challenge"]


def is_accepted(app: Flask, proof: str, address: str = "203.0.113.5") -> bool:
    answer = submit(app, address, f"?proof={proof}")
    assert answer.status_code == 201 or "challenge" in answer.get_json()
    return answer.status_code == 201


def test_a_proof_is_good_for_one_submission_of_who_was_asked(busy: Flask) -> None:
    proof = prove(challenge(busy))
    assert not is_accepted(busy, proof, "203.0.113.6")
    assert is_accepted(busy, proof)
    assert not is_accepted(busy, proof)


@pytest.mark.parametrize("field", ["challenge", "salt", "signature", "number"])
def test_a_proof_that_was_changed_is_none(busy: Flask, field: str) -> None:
    found = json.loads(urlsafe_b64decode(prove(challenge(busy))))
    found[field] = found[field] + 1 if field == "number" else found[field].replace(found[field][0], "z")
    assert not is_accepted(busy, urlsafe_b64encode(json.dumps(found).encode()).decode())


@pytest.mark.parametrize("untrusted_proof", ["none", "e30=", "A", urlsafe_b64encode(b"[" * 500).decode()])
def test_what_is_no_proof_is_answered_with_a_challenge(busy: Flask, untrusted_proof: str) -> None:
    assert not is_accepted(busy, untrusted_proof)


@pytest.mark.parametrize("untrusted_text", ["", "a" * 1001, "a/b"])
def test_what_cannot_be_a_proof_is_bad_input(busy: Flask, untrusted_text: str) -> None:
    check_problem(submit(busy, query=f"?proof={untrusted_text}"), 400, "proof")


def test_a_late_proof_is_none_and_the_used_ones_are_forgotten(busy: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    late, used = prove(challenge(busy)), prove(challenge(busy))
    assert is_accepted(busy, used)
    now_s = proofs.time.time()
    monkeypatch.setattr(proofs.time, "time", lambda: now_s + proofs.EXPIRES_S + 1)
    assert not is_accepted(busy, late) and not is_accepted(busy, used)
    assert is_accepted(busy, prove(challenge(busy)))
    assert len(busy.extensions["singlecell"].proofs._spent) == 1


def test_the_operator_and_programs_with_a_key_need_no_proof_and_pages_do(busy: Flask) -> None:
    keys = busy.extensions["singlecell"].store.keys
    assert submit(busy, None).status_code == 201
    assert submit(busy, Authorization=f"Bearer {keys.make(Key('program', 'api'))}").status_code == 201
    assert submit(busy, query=f"?key={keys.make(Key('course', 'page'))}").status_code == 429


@pytest.mark.parametrize(
    ("least", "off", "status"), [(3, False, 201), (2, False, 429), (1, False, 429), (1, True, 201)]
)
def test_proofs_are_asked_for_from_so_many_waiting_on(
    make_app: MakeApp, least: int, off: bool, status: int
) -> None:
    app = make_app(proof_of_work=not off, proof_waiting_min=least)
    assert [submit(app, None).status_code for _ in range(2)] == [201, 201]
    count_again(app)
    assert submit(app).status_code == status


def test_all_processes_know_each_other_s_challenges(busy: Flask) -> None:
    other = create_app(busy.extensions["singlecell"].settings)
    assert is_accepted(other, prove(challenge(busy)))
    other.extensions["singlecell"].store.close()
