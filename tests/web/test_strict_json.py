"""How long a body may be, and that the dearest ones of that length cost little more than plain ones."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from settings import Settings
from tests.web.conftest import check_problem, make_settings
from tests.web.test_bad_input import ABSENT
from web import request_body, request_schemas, strict_json
from web.problems import ProblemError
from web.request_schemas import NewComputation
from web_server import create_app

LENGTH = 400_000
ROUNDS = 3
# No byte of a body may cost as much as so many of these: a number of one digit, the commonest that is not a text.
DEAREST = 30


@pytest.fixture(scope="module")
def settings(mongo_directory: Path) -> Settings:
    """Settings with bounds that differ: 6 KB for a text of a message, 36 KB for a body."""
    return make_settings(mongo_directory, message_bytes_max=20_000)


@pytest.fixture(scope="module")
def app(settings: Settings) -> Iterator[Flask]:
    """An application with these bounds."""
    application = create_app(settings)
    yield application
    application.extensions["singlecell"].store.close()


def post(client: FlaskClient, body: bytes, route: str = "/computations"):
    return client.post(route, data=body, content_type="application/json")


def test_a_body_is_bounded_by_what_it_may_hold(client: FlaskClient, settings: Settings) -> None:
    most = request_schemas.json_bytes_max(settings)
    assert client.get("/limits").get_json()["limits"]["json_bytes_max"] == {"value": most, "unit": "bytes"}
    for length in (most - 1, most):
        assert post(client, b'{"code": "1"}'.ljust(length)).status_code == 201
    for route in ("/computations", "/permalinks", "/sessions/-/complete"):
        check_problem(post(client, b'{"code": "1"}'.ljust(most + 1), route), 413, str(most))


def test_a_body_in_chunks_is_cut_at_the_bound(client: FlaskClient, settings: Settings) -> None:
    class Endless(io.RawIOBase):
        """A body without end; ``told`` counts what was read."""

        told = 0

        def readable(self) -> bool:
            return True

        def seek(self, *where: int) -> int:
            return 0

        def readinto(self, buffer) -> int:
            Endless.told += len(buffer)
            assert Endless.told < 10 * settings.request_bytes_max
            buffer[:] = b" " * len(buffer)
            return len(buffer)

    response = client.post(
        "/computations", input_stream=Endless(), content_type="application/json",
        headers={"Transfer-Encoding": "chunked"}, environ_overrides={"wsgi.input_terminated": True},
    )  # fmt: skip
    check_problem(response, 413)
    assert Endless.told <= request_schemas.json_bytes_max(settings) + request_body.PIECE_BYTES


def test_the_longest_code_and_expressions_fit_however_they_are_written(client: FlaskClient, settings) -> None:
    code, name = b"\\u0001" * settings.code_bytes_max, b"\\u0001" * (settings.code_bytes_max - 1)
    assert post(client, b'{"code": "%b", "user_expressions": {"%b": "1"}}' % (code, name)).status_code == 201
    check_problem(post(client, b'{"code": "%b1"}' % code), 413, "`code`")


def test_expressions_are_refused_by_their_length_before_they_are_read(client: FlaskClient, settings) -> None:
    most = request_schemas.JSON_ESCAPE_BYTES * settings.code_bytes_max + request_schemas.JSON_REST_BYTES
    for length, sentence in ((most, "is not right"), (most + 1, "`user_expressions` is longer than")):
        body = b'{"code": "1", "user_expressions": {"a":%b}}' % (b"1" * (length - 6))
        check_problem(post(client, body), 400 if length == most else 413, sentence)


@pytest.mark.parametrize("field", ["content", "metadata"])
def test_a_text_of_a_message_has_a_bound_of_its_own(client: FlaskClient, settings, field: str) -> None:
    most = request_schemas.message_text_bytes_max(settings)
    assert most < settings.message_bytes_max
    for length, status in ((most - 1, 404), (most, 404), (most + 1, 413)):
        text = b'{"x": "%b"}' % (b"1" * (length - 9))
        other = b'"content": {}, ' if field == "metadata" else b""
        message = b'{"msg_type": "comm_msg", %b"%b": %b}' % (other, field.encode(), text)
        body = b'{"session": "%b", "message": %b}' % (ABSENT.encode(), message)
        check_problem(post(client, body), status)


def fill(item: str) -> bytes:
    return ("[" + ",".join([item] * (LENGTH // (len(item) + 1))) + "]").encode()


DEAR = {
    "9e307": fill("9e307"),
    "small": fill("4.9e-324"),
    "17 digits": fill("1.2345678901234567e-300"),
    "780 digits": fill(f"2.{'2' * 780}e-308"),
    "a long one": b"[0." + b"1" * LENGTH + b"]",
    "20 digits": fill("9" * 20),
    "300 digits": fill("9" * 300),
    "many digits": fill("9" * 4300),
    "arrays": fill("[]"),
    "objects": fill('{"":1}'),
    "deep": fill("[" * 90 + "]" * 90),
    "too deep": b"[" * (LENGTH // 2) + b"]" * (LENGTH // 2),
    "keys": ("{" + ",".join(f'"{number:x}":1' for number in range(LENGTH // 9)) + "}").encode(),
    "escapes": b'"' + b"\\n" * (LENGTH // 2) + b'"',
    "pairs": b'"' + b"\\ud83d\\ude00" * (LENGTH // 12) + b'"',
    "quotes without end": b"[" * 101 + b'"' + b'\\"' * (LENGTH // 2),
    "brackets in a text": b"[" + b'"[{",' * (LENGTH // 5) + b"1]",
}


def test_no_body_costs_much_more_than_a_plain_one() -> None:
    plain = cost(fill("1"))
    dear = {name: cost(content) / plain for name, content in DEAR.items()}
    assert max(dear.values()) < DEAREST, dear


def cost(content: bytes) -> float:
    """Return the seconds for each byte of a message with this content: the least of some rounds."""
    body = b'{"session": "x", "message": {"msg_type": "comm_msg", "content": {"x": %b}}}' % content
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        with suppress(ProblemError):
            strict_json.decode(body, NewComputation, LENGTH * 2, LENGTH * 2)
        times.append(time.process_time() - begun)
    return min(times) / len(body)
