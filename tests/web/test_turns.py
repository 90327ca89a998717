"""What a client and a site have so many of at once: uploads, and questions, which wait for each other."""

from __future__ import annotations

import io
import threading
from contextlib import ExitStack

import pytest
from werkzeug.test import TestResponse

from store.rules import Key
from tests import threads
from tests.web.conftest import MakeApp
from tests.web.visitors import check_refused, store_of, stored
from web.client_shares import INTROSPECTIONS, SITE_INTROSPECTIONS, SITE_UPLOADS, UPLOADS, sites_of
from web.turns import Turns


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
        refused = app.test_client().post("/sessions/-/complete", json=asked, headers={"X-Forwarded-For": "203.0.113.5"})
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
