"""Malformed requests: each gets the right problem, and nothing is stored."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException

import store as stores
from settings import Settings
from store import Store, StoreUnavailableError
from tests.web.conftest import Device, application, check_problem, make_settings, submit

ABSENT = str(uuid.uuid4())

# What every route with a JSON body answers: body, status, words of the sentence.
BAD_BODIES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "not JSON"),
    "no JSON": (b"code=1", 400, "not JSON"),
    "cut short": (b"{", 400, "not JSON"),
    "not UTF-8": (b'{"code": "\xff"}', 400, "UTF-8"),
    "UTF-16": ('{"code": "1"}'.encode("utf-16"), 400, "UTF-8"),
    "UTF-8 with a byte order mark": (b'\xef\xbb\xbf{"code": "1"}', 400, "JSON"),
    "an array": (b"[]", 400, "object"),
    "null": (b"null", 400, "object"),
    "nested too deeply": (b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}", 400, "deeply"),
    "nested too deeply for us": (b'{"x":' + b"[" * 100 + b"]" * 100 + b"}", 400, "deeply"),
    "unknown field": (b'{"xyzzy": 1}', 400, "xyzzy"),
}

# What msgspec does not see, or sees otherwise: a comm message's content, and words of the sentence.
BAD_CONTENTS: dict[str, tuple[bytes, str]] = {
    "NaN": (b"NaN", "NaN"),
    "infinity": (b"1e999", "too large"),
    "huge integer": (b"9" * 301, "too large"),
    "a huger integer": (b"9" * 5000, "out of range"),
    "the same key twice": (b'{"y": 1, "y": 2}', "more than once"),
    "a lone surrogate": (b'"\\ud800"', "surrogate"),
    "a lone surrogate and more": (b'"\\ud800 and more"', "surrogate"),
    "nested too deeply": (b"[" * 98 + b"]" * 98, "deeply"),
}

JSON_ROUTES = [
    "/computations",
    f"/computations/{ABSENT}/input",
    f"/sessions/{ABSENT}/complete",
    f"/sessions/{ABSENT}/inspect",
    "/permalinks",
]

WRONG_FIELDS = [
    ("/computations", {}, "code"),
    ("/computations", {"code": 1}, "code"),
    ("/computations", {"code": None}, "code"),
    ("/computations", {"code": "a\0b"}, "code"),
    ("/computations", {"code": "1", "language": 5}, "language"),
    ("/computations", {"code": "1", "keep": "yes"}, "keep"),
    ("/computations", {"code": "1", "keep": 1}, "keep"),
    ("/computations", {"code": "1", "stdin": None}, "stdin"),
    ("/computations", {"code": "1", "session": 7}, "session"),
    ("/computations", {"code": "1", "message": {"msg_type": "comm_msg", "content": {}}}, "message"),
    ("/computations", {"message": {"msg_type": "comm_msg", "content": {}}}, "session"),
    ("/computations", {"session": ABSENT, "message": {"msg_type": "execute_request", "content": {}}}, "msg_type"),
    ("/computations", {"session": ABSENT, "message": {"msg_type": "comm_msg"}}, "content"),
    ("/computations", {"session": ABSENT, "message": {"msg_type": "comm_msg", "content": []}}, "content"),
    (
        "/computations",
        {"session": ABSENT, "message": {"msg_type": "comm_msg", "content": {}, "buffers": ["?"]}},
        "buff",
    ),
    ("/computations", {"session": ABSENT, "message": {"msg_type": "comm_msg", "content": {}, "channel": "x"}}, "chann"),
    (f"/computations/{ABSENT}/input", {}, "value"),
    (f"/computations/{ABSENT}/input", {"value": 1}, "value"),
    ("/sessions/-/complete", {"code": "a"}, "cursor_pos"),
    ("/sessions/-/complete", {"code": "a", "cursor_pos": -1, "language": "python"}, "cursor_pos"),
    ("/sessions/-/complete", {"code": "a", "cursor_pos": 2, "language": "python"}, "cursor_pos"),
    ("/sessions/-/complete", {"code": "a", "cursor_pos": 1.5, "language": "python"}, "cursor_pos"),
    ("/sessions/-/complete", {"code": "a", "cursor_pos": 10**30, "language": "python"}, "cursor_pos"),
    ("/sessions/-/complete", {"code": "a", "cursor_pos": 1}, "language"),
    ("/sessions/-/complete", {"code": "a", "cursor_pos": 1, "language": "python", "detail_level": 0}, "detail_level"),
    ("/sessions/-/inspect", {"code": "a", "cursor_pos": 1, "language": "python", "detail_level": 2}, "detail_level"),
    ("/permalinks", {"language": "python"}, "code"),
    ("/permalinks", {"code": ["1"]}, "code"),
    ("/permalinks", {"code": "\0"}, "code"),
]

ID_ROUTES = [
    ("GET", "/computations/{id}"),
    ("DELETE", "/computations/{id}"),
    ("GET", "/computations/{id}/messages"),
    ("GET", "/computations/{id}/events"),
    ("POST", "/computations/{id}/interrupt"),
    ("GET", "/computations/{id}/files"),
    ("GET", "/files/{id}/a.txt"),
    ("GET", "/sessions/{id}"),
    ("DELETE", "/sessions/{id}"),
    ("GET", "/permalinks/{id}"),
]
NO_IDS = [
    ABSENT,
    ABSENT.upper(),
    "1",
    "-",
    "%00",
    "%ff",
    "..",
    "$ne",
    "a" * 5000,
    ABSENT + "%0A",
    "{}",
    str(uuid.uuid1()),
]


@pytest.fixture(scope="module")
def settings(mongo_directory: Path) -> Settings:
    """One database for all of this: making one takes longer than a test."""
    return make_settings(mongo_directory)


@pytest.fixture(scope="module")
def app(settings: Settings) -> Iterator[Flask]:
    """One application for all of this, which keeps nothing of what it refuses."""
    with application(settings) as app:
        yield app


@pytest.fixture(scope="module")
def store(settings: Settings) -> Iterator[Store]:
    """The store as a device has it."""
    door = stores.connect(settings)
    yield door
    door.close()


@pytest.fixture
def own_app(settings: Settings) -> Iterator[Flask]:
    """An application that the test changes."""
    with application(settings) as app:
        yield app


@pytest.fixture(autouse=True)
def nothing_is_stored(store: Store):
    """Fail when a test leaves something to run."""
    yield
    assert store.claims.claim("d", languages=["python"], sessions=[], new_sessions=True) is None


@pytest.mark.parametrize("route", JSON_ROUTES)
@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_body_that_is_not_right_is_refused(client: FlaskClient, route: str, case: str) -> None:
    body, status, words = BAD_BODIES[case]
    check_problem(client.post(route, data=body, content_type="application/json"), status, words)


@pytest.mark.parametrize("case", BAD_CONTENTS)
def test_content_that_is_not_right_is_refused(client: FlaskClient, case: str) -> None:
    content, words = BAD_CONTENTS[case]
    body = b'{"session": "%s", "message": {"msg_type": "comm_msg", "content": {"x": %s}}}' % (ABSENT.encode(), content)
    check_problem(client.post("/computations", data=body, content_type="application/json"), 400, words)


@pytest.mark.parametrize("content", [b"[" * 97 + b"]" * 97, b"9" * 300, b'"[{"', b'["\\"[[", 1e308]'])
def test_content_at_the_limits_gets_as_far_as_its_session(client: FlaskClient, content: bytes) -> None:
    body = b'{"session": "%s", "message": {"msg_type": "comm_msg", "content": {"x": %s}}}' % (ABSENT.encode(), content)
    check_problem(client.post("/computations", data=body, content_type="application/json"), 404, "session")


def test_a_field_given_twice_is_refused(client: FlaskClient) -> None:
    for body in (b'{"code": "1", "code": "2"}', b'{"code": "1", "user_expressions": {"a": "1", "a": "1"}}'):
        check_problem(client.post("/computations", data=body, content_type="application/json"), 400, "more than once")


@pytest.mark.parametrize("route", JSON_ROUTES)
def test_other_types_of_body_are_refused(client: FlaskClient, route: str) -> None:
    for content_type in ("application/x-www-form-urlencoded", "application/xml", "nonsense"):
        check_problem(client.post(route, data=b"code=1", content_type=content_type), 415, "JSON")


@pytest.mark.parametrize(("route", "body", "words"), WRONG_FIELDS)
def test_a_wrong_field_is_named(client: FlaskClient, route: str, body: dict, words: str) -> None:
    check_problem(client.post(route, json=body), 400, words)


@pytest.mark.parametrize(("method", "route"), ID_ROUTES)
@pytest.mark.parametrize("id", NO_IDS)
def test_an_id_that_names_nothing_is_404(client: FlaskClient, method: str, route: str, id: str) -> None:
    check_problem(client.open(route.replace("{id}", id), method=method), 404)


@pytest.mark.parametrize("route", ["/computations/{id}/input", "/sessions/{id}/complete", "/sessions/{id}/inspect"])
def test_a_right_body_for_nothing_is_404(client: FlaskClient, route: str) -> None:
    body = {"value": "1"} if route.endswith("input") else {"code": "a", "cursor_pos": 1}
    for id in (ABSENT, "nonsense"):
        check_problem(client.post(route.replace("{id}", id), json=body), 404)


@pytest.mark.parametrize(
    "wait", ["", "x", "nan", "NaN", "inf", "-1", "-0.001", "30.001", "31", "1e9", "1_0", "٣", " 1", "0x1", "9" * 1000]
)
def test_a_wrong_wait_is_refused_with_the_limit(client: FlaskClient, wait: str) -> None:
    check_problem(client.post("/computations", json={"code": "1"}, query_string={"wait": wait}), 400, "`wait`")
    response = client.get(f"/computations/{ABSENT}/messages", query_string={"wait": wait})
    check_problem(response, 400, "30")


@pytest.mark.parametrize("after", ["", "x", "-2", "1.0", "1e1", "nan", "٣", "9" * 1000, "0x1"])
def test_a_wrong_after_is_refused(client: FlaskClient, after: str) -> None:
    response = client.get(f"/computations/{ABSENT}/messages", query_string={"after": after})
    check_problem(response, 400, "`after`")
    response = client.get(f"/computations/{ABSENT}/events", headers={"Last-Event-ID": after})
    check_problem(response, 400, "`Last-Event-ID`")


def test_a_parameter_given_twice_is_refused(client: FlaskClient) -> None:
    check_problem(client.get(f"/computations/{ABSENT}/messages?after=1&after=2"), 400, "more than once")


def test_unknown_parameters_are_ignored(client: FlaskClient) -> None:
    assert client.get("/languages?1795232478224").status_code == 200


def test_unknown_addresses_and_methods_are_problems(client: FlaskClient) -> None:
    for address in ("/nothing", "/limits//", "/computations/", "/static/", "/static/../settings.py", "/files/"):
        check_problem(client.get(address), 404)
    response = client.put("/computations", json={})
    check_problem(response, 405, "PUT")
    assert "POST" in response.headers["Allow"]


def test_a_body_of_more_than_the_limit_is_413(client: FlaskClient, settings) -> None:
    code = "#" * settings.request_bytes_max
    check_problem(client.post("/computations", json={"code": code}), 413)
    check_problem(client.post("/permalinks", json={"code": code}), 413)


def test_a_body_shorter_than_it_says_is_refused(client: FlaskClient) -> None:
    response = client.post(
        "/computations",
        input_stream=io.BytesIO(b'{"code": "1"}'),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "100"},
    )
    check_problem(response, 400)


def test_a_body_of_unknown_length_is_411(client: FlaskClient) -> None:
    response = client.post("/computations", content_type="application/json", headers={"Transfer-Encoding": "chunked"})
    check_problem(response, 411, "length")


def test_an_unknown_language_is_422_and_says_what_there_is(client: FlaskClient) -> None:
    check_problem(client.post("/computations", json={"code": "1", "language": "klingon"}), 422, "python")
    check_problem(client.post("/computations", json={"code": "1", "language": "a\0b"}), 422, "unknown")
    check_problem(client.post("/permalinks", json={"code": "1", "language": ""}), 422, "unknown")


def test_our_own_errors_are_dull_and_logged(own_app: Flask, monkeypatch, caplog) -> None:
    def fail() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(own_app.extensions["singlecell"].store.devices, "alive", fail)
    response = own_app.test_client().get("/languages")
    check_problem(response, 500)
    assert "secret" not in response.text
    assert "secret detail" in caplog.text


def test_an_absent_database_is_503_with_retry_after(own_app: Flask, monkeypatch) -> None:
    def fail(id: str) -> None:
        raise StoreUnavailableError("no answer from 10.0.0.1")

    monkeypatch.setattr(own_app.extensions["singlecell"].store.computations, "get", fail)
    response = own_app.test_client().get(f"/computations/{ABSENT}")
    check_problem(response, 503, "database")
    assert "10.0.0.1" not in response.text
    assert int(response.headers["Retry-After"]) > 0


def test_all_http_errors_of_the_framework_become_problems(own_app: Flask) -> None:
    from werkzeug.exceptions import default_exceptions

    for status, error in default_exceptions.items():
        if status in (412, 416):
            continue
        own_app.add_url_rule(f"/raise/{status}", f"raise{status}", _raiser(error))
    for status in set(default_exceptions) - {412, 416}:
        check_problem(own_app.test_client().get(f"/raise/{status}"), status)


def _raiser(error: type[HTTPException]):
    def view() -> None:
        raise error()

    return view


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["language", "session", "keep", "message", "value", "cursor_pos", "detail_level", "x"])


@hypothesis.settings(max_examples=60, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(st.dictionaries(FIELDS, JSON, max_size=4) | JSON, st.sampled_from(JSON_ROUTES))
def test_no_json_makes_the_server_fail(client: FlaskClient, body: object, route: str) -> None:
    response = client.post(route, data=json.dumps(body), content_type="application/json")
    check_problem(response, response.status_code)
    assert 400 <= response.status_code < 500


def test_a_submission_that_is_right_is_stored(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    assert device.claim().id == id
