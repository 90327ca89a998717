"""What a reader does with a control goes to the session's kernel; what is not right is refused and stores nothing."""

from __future__ import annotations

import io
import json
import uuid
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from harness.processes import wait_for
from settings import Settings
from tests.web.conftest import DEADLINE_S, Device, check_problem, message, submit
from web.request_schemas import BUFFERS_MAX, COMM_ID_CHARS_MAX, json_bytes_max, message_text_bytes_max


def update(value: object, comm_id: object = "m", **fields: Any) -> dict[str, Any]:
    """Return a body that sets one value."""
    data = {"method": "update", "state": {"value": value}}
    return {"msg_type": "comm_msg", "content": {"comm_id": comm_id, "data": data}, **fields}


def in_parts(message: dict[str, Any], *buffers: bytes) -> dict[str, Any]:
    """Return the form that has a message and its buffers."""
    files = [(io.BytesIO(buffer), "buffer") for buffer in buffers]
    return {"message": json.dumps(message), "buffer": files}


def post_parts(client: FlaskClient, path: str, form: dict[str, Any]) -> TestResponse:
    """Post a form."""
    return client.post(path, data=form, content_type="multipart/form-data")


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


@pytest.mark.parametrize(("extra", "status"), [(-1, 201), (0, 201), (1, 413)])
def test_a_message_that_is_a_body_has_the_bound_of_its_text(
    client: FlaskClient, session: str, settings: Settings, extra: int, status: int
) -> None:
    def body(text: str) -> dict[str, Any]:
        return {"msg_type": "comm_msg", "content": {"comm_id": "m", "data": {"text": text}}}

    chars = message_text_bytes_max(settings) - len(json.dumps(body("")["content"]))
    answer = client.post(f"/sessions/{session}/comms", json=body("x" * (chars + extra)))
    assert answer.status_code == status, answer.text


def test_buffers_come_as_they_are_in_parts(client: FlaskClient, device: Device, session: str) -> None:
    message = update(1)
    message["content"]["data"]["buffer_paths"] = [["a"], ["b"]]
    buffers = [bytes(range(256)), b""]
    assert post_parts(client, f"/sessions/{session}/comms", in_parts(message, *buffers)).status_code == 201
    form = {"session": session, "keep": "true", **in_parts(message, *buffers)}
    assert post_parts(client, "/computations", form).status_code == 201
    for _ in range(2):
        claim = device.claim()
        assert claim.message is not None and claim.message["buffers"] == buffers
        assert claim.message["content"] == message["content"] and claim.keep
        device.finish(claim)


@pytest.mark.parametrize(
    ("path", "change", "word"),
    [
        ("/sessions/{}/comms", {"message": None}, "message"),
        ("/sessions/{}/comms", {"message": "no JSON"}, "JSON"),
        ("/sessions/{}/comms", {"code": "1"}, "unknown field"),
        ("/sessions/{}/comms", {"buffer": "a field"}, "file name"),
        ("/sessions/{}/comms", {"buffer": [(io.BytesIO(b"x"), "x")] * (BUFFERS_MAX + 1)}, "buffers"),
        ("/sessions/{}/comms", {"buffer": [(io.BytesIO(b"x"), "x")]}, "buffer_paths"),
        ("/sessions/{}/comms", {"file": [(io.BytesIO(b"x"), "x")]}, "parts named `buffer`"),
        ("/computations", {"session": "{}", "file": [(io.BytesIO(b"x"), "x")]}, "buffers"),
        ("/computations", {"session": "{}", "code": "1"}, "either"),
        ("/computations", {"message": None, "code": "1", "buffer": [(io.BytesIO(b"x"), "x")]}, "buffers"),
        ("/computations", {}, "session"),
    ],
)
def test_parts_that_make_no_message_are_named_and_store_nothing(
    client: FlaskClient, session: str, path: str, change: dict[str, Any], word: str
) -> None:
    form = {**in_parts(update(1)), **change}
    form = {name: value.format(session) if name == "session" else value for name, value in form.items()}
    answer = post_parts(client, path.format(session), {name: it for name, it in form.items() if it is not None})
    check_problem(answer, 400, word)
    assert len(client.get(f"/sessions/{session}").get_json()["computations"]) == 1


@pytest.mark.parametrize(("extra", "status"), [(-1, 201), (0, 201), (1, 413)])
def test_the_length_of_a_message_in_parts_is_that_of_its_bytes(
    client: FlaskClient, session: str, settings: Settings, extra: int, status: int
) -> None:
    message = update(1)
    message["content"]["data"]["buffer_paths"] = [["a"]]
    buffer = bytes(settings.message_bytes_max - len(json.dumps(message)) + extra)
    answer = post_parts(client, f"/sessions/{session}/comms", in_parts(message, buffer))
    assert answer.status_code == status, answer.text


def test_long_buffers_come_as_they_are_for_who_asks_for_that(
    client: FlaskClient, device: Device, session: str
) -> None:
    long, short = bytes(range(256)) * 200, b"short"
    id = client.post(f"/sessions/{session}/comms", json=update(1)).get_json()["id"]
    content = {"comm_id": "m", "data": {"said": ',"buffers":['}}
    said = message("comm_msg", content)
    texts = json.dumps([b64encode(each).decode() for each in (long, short)], separators=(",", ":")).encode()
    with_buffers = said[:-1] + b',"buffers":' + texts + b"}"
    device.store.claims.finish(device.claim(), "done", messages=[with_buffers, said])
    path = f"/computations/{id}/messages"
    plain = client.get(path).get_json()
    assert plain["messages"][0]["buffers"] == [b64encode(each).decode() for each in (long, short)]
    answer = client.get(f"{path}?buffers=parts")
    head = f"Content-Type: {answer.content_type}\r\n\r\n".encode()
    rest, *buffers = message_from_bytes(head + answer.data, policy=HTTP).iter_parts()
    assert [part.get_content() for part in buffers] == [long, short]
    expected = plain | {"messages": [plain["messages"][0] | {"buffers": 2}, *plain["messages"][1:]]}
    assert json.loads(rest.get_content()) == expected
    # What is short goes as JSON, and what nobody knows is refused.
    assert client.get(f"{path}?buffers=parts&after=0").get_json() == client.get(f"{path}?after=0").get_json()
    check_problem(client.get(f"{path}?buffers=binary"), 400, "buffers")


def test_the_open_comms_are_asked_of_the_session(app: Flask, client: FlaskClient, device: Device, session: str) -> None:
    for query, target_name in (("", ""), ("?target_name=jupyter.widget", "jupyter.widget")):
        with ThreadPoolExecutor(1) as asker:
            answer = asker.submit(app.test_client().get, f"/sessions/{session}/comms{query}")
            asked: Any = wait_for(lambda: device.store.introspections.claim("device-1", device.sessions))
            assert (asked.kind, asked.code, asked.session) == ("comm_info", target_name, session)
            reply = {"status": "ok", "comms": {"m": {"target_name": "jupyter.widget"}}}
            device.store.introspections.reply(asked, "ok", json.dumps(reply).encode())
            assert answer.result(DEADLINE_S).get_json() == reply
    check_problem(client.get(f"/sessions/{session}/comms?target_name=%20"), 400, "target_name")
    check_problem(client.get(f"/sessions/{uuid.uuid4()}/comms"), 404, "no session")
    device.store.sessions.end(session)
    check_problem(client.get(f"/sessions/{session}/comms"), 410, "ended")
