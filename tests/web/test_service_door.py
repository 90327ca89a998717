"""POST /service over HTTP: the words of SageMathCell's service, and what is answered to a request that is not right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from settings import Settings
from store import Claim
from tests.web.conftest import Device, check_problem, make_settings, message
from tests.web.meanwhile import answered
from web.doors.service import CODE_CHARS_MAX

REPLY: dict[str, Any] = {"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": []}


class Answering:
    """A client of /service, and the device that runs what it posts."""

    def __init__(self, client: FlaskClient, device: Device) -> None:
        self._client, self._device = client, device
        self.claim: Claim | None = None

    def post(self, fields: Any, reply: dict[str, Any] | None = REPLY, *before: bytes, reason: str | None = None) -> Any:
        """Post a form while the device says these messages and the reply; return the answer's body."""
        said = [*before, *([message("execute_reply", reply, "shell")] if reply else [])]

        def end(claim: Claim) -> None:
            self._device.store.claims.finish(claim, "failed" if reason else "done", reason, messages=said)

        self._device.report()
        answer, self.claim = answered(self._device, lambda: self._client.post("/service", data=fields), end)
        assert answer.status_code == 200, answer.text
        return answer.get_json()


@pytest.fixture
def settings(mongo_directory: Path, database_name: str) -> Settings:
    """Settings under which the longest code arrives."""
    return make_settings(mongo_directory, mongo_database=database_name, request_bytes_max=2_000_000)


@pytest.fixture
def answering(client: FlaskClient, device: Device) -> Iterator[Answering]:
    """What posts to /service and plays the device meanwhile."""
    return Answering(client, device)


def refused(client: FlaskClient, **fields: Any) -> TestResponse:
    """Post a form that is not right."""
    return client.post("/service", data={"code": "1", **fields})


def test_several_codes_are_joined_and_the_answer_has_what_was_said(answering: Answering) -> None:
    said = (message("stream", {"name": "stdout", "text": "2\n"}), message("stream", {"name": "stdout", "text": "3\n"}),
            message("stream", {"name": "stderr", "text": "w"}))  # fmt: skip
    fields = {"code": ["print(2)\n", "print(3)"], "accepted_tos": "true", "user_expressions": '{"a": "1"}', "x": "y"}
    assert answering.post(fields, REPLY, *said) == {
        "success": True, "stdout": "2\n3\n", "stderr": "w", "execute_reply": REPLY,
    }  # fmt: skip
    claim = answering.claim
    assert claim is not None and (claim.code, claim.user_expressions) == ("print(2)\nprint(3)", {"a": "1"})
    assert (claim.keep, claim.stdin) == (False, False)


def test_an_exception_is_an_answer_without_success_and_nothing_said_has_no_field(answering: Answering) -> None:
    reply = {"status": "error", "ename": "ZeroDivisionError", "evalue": "", "traceback": []}
    assert answering.post({"code": "1/0"}, reply) == {"success": False, "execute_reply": reply}
    assert answering.post({"code": "x"}, None, reason="time_wall") == {"success": False}


def test_the_value_and_the_files_come_where_they_are_asked_for(answering: Answering) -> None:
    value = message("execute_result", {"execution_count": 1, "data": {"text/plain": "4"}, "metadata": {}})
    assert answering.post({"code": "4", "value": "true", "files": "true"}, REPLY, value) == {
        "success": True, "value": {"text/plain": "4"}, "files": [], "execute_reply": REPLY,
    }  # fmt: skip
    assert answering.post({"code": "None", "value": "true"})["value"] is None


@pytest.mark.parametrize(("more", "status"), [(-1, 200), (0, 200), (1, 413)])
def test_code_is_bounded_in_characters_whatever_their_bytes(
    client: FlaskClient, answering: Answering, more: int, status: int
) -> None:
    code = "é" * (CODE_CHARS_MAX + more)
    fields = {"code": [code[:9], code[9:]]}
    if status == 200:
        assert answering.post(fields)["success"] and answering.claim is not None and answering.claim.code == code
        return
    answer = client.post("/service", data=fields)
    assert (answer.status_code, answer.mimetype) == (413, "text/plain") and "65000 characters" in answer.text


@pytest.mark.parametrize("said", ["false", "", "True", "yes"])
def test_who_does_not_accept_terms_is_refused_in_words(client: FlaskClient, said: str) -> None:
    answer = refused(client, accepted_tos=said)
    assert (answer.status_code, answer.mimetype) == (403, "text/plain") and "accepted_tos" in answer.text


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"code": "a\0"}, 400, "NUL"),
        ({"user_expressions": "{"}, 400, "JSON object"),
        ({"user_expressions": '{"a": 1}'}, 400, "JSON object"),
        ({"user_expressions": "[]"}, 400, "JSON object"),
        ({"user_expressions": '{"a": "' + "x" * 1000 + '"}'}, 413, "`user_expressions`"),
        ({"language": "klingon"}, 422, "klingon"),
        ({"value": "1"}, 400, "`value`"),
        ({"files": "maybe"}, 400, "`files`"),
    ],
)
def test_a_field_that_is_not_right_is_a_problem(
    client: FlaskClient, fields: dict[str, str], status: int, words: str
) -> None:
    answer = refused(client, **fields)
    if status == 413:
        assert (answer.status_code, answer.mimetype) == (413, "text/plain") and words in answer.text
    else:
        check_problem(answer, status, words)
