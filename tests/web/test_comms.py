"""What a reader does with a control goes to the session's kernel; what is not right is refused and stores nothing."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from flask.testing import FlaskClient

from settings import Settings
from tests.web.conftest import Device, check_problem, submit
from web.request_schemas import COMM_ID_CHARS_MAX, json_bytes_max


def update(value: object, comm_id: object = "m", **fields: Any) -> dict[str, Any]:
    """Return a body that sets one value."""
    data = {"method": "update", "state": {"value": value}}
    return {"msg_type": "comm_msg", "content": {"comm_id": comm_id, "data": data}, **fields}


@pytest.fixture
def session(client: FlaskClient, device: Device) -> str:
    """A session that waits for its next turn."""
    id: str = submit(client, keep=True)["session"]
    device.run()
    device.sessions.append(id)
    return id


def test_a_message_is_a_turn_of_its_session_and_later_values_join_it(
    client: FlaskClient, device: Device, session: str
) -> None:
    answers = [client.post(f"/sessions/{session}/comms", json=update(value)) for value in (1, 2, 3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    [id] = {answer.get_json()["id"] for answer in answers}
    assert client.get(f"/sessions/{session}").get_json()["computations"][1:] == [id]
    message = device.claim().message
    assert message is not None and message["content"]["data"]["state"] == {"value": 3}


def test_whose_value_was_merged_gets_the_messages_of_both(client: FlaskClient, device: Device, session: str) -> None:
    first = client.post(f"/sessions/{session}/comms", json=update(1)).get_json()
    second = client.post(f"/sessions/{session}/comms?wait=0.05", json=update(2)).get_json()
    assert (second["id"], second["state"], second["finished"]) == (first["id"], "queued", False)
    device.run()
    assert client.get(f"/computations/{first['id']}/messages").get_json()["finished"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (update(1, comm_id=5), "comm_id"),
        (update(1, comm_id=""), "comm_id"),
        (update(1, comm_id="m" * (COMM_ID_CHARS_MAX + 1)), "comm_id"),
        ({"msg_type": "comm_msg", "content": {"data": {}}}, "comm_id"),
        ({"msg_type": "comm_msg", "content": {"comm_id": "m", "data": []}}, "data"),
        ({"msg_type": "comm_msg", "content": {"comm_id": "m", "data": {"method": "update"}}}, "state"),
        ({"msg_type": "execute_request", "content": {"comm_id": "m"}}, "msg_type"),
        (update(1, buffers=["no base64!"]), "buffers"),
        (update(1, buffers=["AAEC"]), "buffer_paths"),
        (update(1, buffers=["AAEC"] * 65), "buffers"),
    ],
)
def test_a_malformed_message_is_named_and_stores_nothing(
    client: FlaskClient, session: str, body: dict[str, Any], word: str
) -> None:
    check_problem(client.post(f"/sessions/{session}/comms", json=body), 400, word)
    assert len(client.get(f"/sessions/{session}").get_json()["computations"]) == 1


@pytest.mark.parametrize("paths", [5, [], ["a"], [[]], [[0]], [["a", 1.5]], [["a", None]], [["a"], ["b"]]])
def test_paths_that_do_not_belong_to_the_buffers_are_refused(client: FlaskClient, session: str, paths: object) -> None:
    body = update(1, buffers=["AAEC"])
    body["content"]["data"]["buffer_paths"] = paths
    check_problem(client.post(f"/sessions/{session}/comms", json=body), 400, "buffer_paths")


@pytest.mark.parametrize("length", [1, COMM_ID_CHARS_MAX - 1, COMM_ID_CHARS_MAX])
def test_the_id_of_a_model_may_be_as_long_as_it_says(client: FlaskClient, session: str, length: int) -> None:
    assert client.post(f"/sessions/{session}/comms", json=update(1, "m" * length)).status_code == 201


def test_an_unknown_session_is_404_and_one_that_ended_410(client: FlaskClient, device: Device, session: str) -> None:
    for nobody in (str(uuid.uuid4()), "x", "-"):
        check_problem(client.post(f"/sessions/{nobody}/comms", json=update(1)), 404, "no session")
    device.store.sessions.end(session)
    check_problem(client.post(f"/sessions/{session}/comms", json=update(1)), 410, "ended")


def test_a_state_that_is_too_large_is_413(client: FlaskClient, session: str, settings: Settings) -> None:
    body = update("x" * json_bytes_max(settings))
    check_problem(client.post(f"/sessions/{session}/comms", json=body), 413)
