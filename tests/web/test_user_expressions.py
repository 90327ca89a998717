"""``user_expressions`` beside the code: limits at their edges, and what cannot be asked."""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import Device, check_problem, submit


def test_expressions_reach_the_device_as_they_were_sent(client: FlaskClient, device: Device) -> None:
    asked = {"a": "1 + 1", "$a.b": "é", "": ""}
    submit(client, user_expressions=asked)
    assert device.claim().user_expressions == asked


@pytest.mark.parametrize(("extra", "status"), [(-1, 201), (0, 201), (1, 413)])
def test_the_number_of_expressions_is_limited(client: FlaskClient, settings, extra: int, status: int) -> None:
    asked = {str(number): "1" for number in range(settings.user_expressions_max + extra)}
    response = client.post("/computations", json={"code": "1", "user_expressions": asked})
    assert response.status_code == status
    if status == 413:
        check_problem(response, 413, f"{settings.user_expressions_max} expressions")


@pytest.mark.parametrize(("extra", "status"), [(-1, 201), (0, 201), (1, 413)])
def test_names_and_expressions_together_have_as_many_bytes_as_code(
    client: FlaskClient, settings, extra: int, status: int
) -> None:
    asked = {"é" * 10: "#" * (settings.code_bytes_max - 20 + extra)}
    response = client.post("/computations", json={"code": "1", "user_expressions": asked})
    assert response.status_code == status
    if status == 413:
        check_problem(response, 413, "`user_expressions`")


@pytest.mark.parametrize("asked", [["1"], {"a": 1}, {"a": None}, {"a": "\0"}, {"\0": "a"}, "1", None], ids=json.dumps)
def test_what_is_no_object_of_expressions_is_400(client: FlaskClient, asked: object) -> None:
    check_problem(client.post("/computations", json={"code": "1", "user_expressions": asked}), 400, "user_expressions")


def test_a_comm_message_has_no_expressions(client: FlaskClient, device: Device) -> None:
    session = submit(client, keep=True)["session"]
    message = {"msg_type": "comm_msg", "content": {"comm_id": "1", "data": {}}}
    body = {"session": session, "message": message, "user_expressions": {"a": "1"}}
    check_problem(client.post("/computations", json=body), 400, "user_expressions")
