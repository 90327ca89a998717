"""Messages to controls reach those of the session that they are sent to alone; what is no message reaches nobody."""

from __future__ import annotations

import json
import uuid

import pytest

MODEL = """
from comm import create_comm
heard = []
create_comm(target_name='jupyter.widget', data={'state': {'value': 0}}, comm_id='model').on_msg(heard.append)
"""


def update(model: object, state: object = None, **more: object) -> dict:
    """Return a body that sets a value of a model."""
    data = {"method": "update", "state": {"value": 666} if state is None else state, **more}
    return {"msg_type": "comm_msg", "content": {"comm_id": model, "data": data}}


@pytest.fixture
def heard(client, neighbour):
    """Return what a neighbour's model has heard, when the test is over: nothing."""
    session = client.run(MODEL, keep=True).description["session"]
    yield session
    assert client.run("len(heard)", session=session).result == "0"


def test_a_model_is_spoken_to_in_its_own_session_alone(client, heard):
    """L5"""
    attacker = client.run("x = 1", keep=True).description["session"]
    opening = {"msg_type": "comm_open", "content": {"comm_id": "model", "target_name": "jupyter.widget", "data": {}}}
    for body in (update("model"), opening, {**opening, "msg_type": "comm_close"}):
        answer = client.http.post(f"{client.url}/sessions/{attacker}/comms", json=body, timeout=60)
        assert answer.status_code == 201 and client.finish(answer.json()["id"]).state == "done"
    told = client.http.get(f"{client.url}/sessions/{attacker}/comms", timeout=60).json()
    assert told == {"status": "ok", "comms": {}}
    client.end_session(attacker)
    for dead in (attacker, str(uuid.uuid4()), "-", "model"):
        answer = client.http.post(f"{client.url}/sessions/{dead}/comms", json=update("model"), timeout=60)
        assert answer.status_code in (201, 404, 410), answer.text
        if answer.status_code == 201:  # its end was only just asked for
            assert client.finish(answer.json()["id"]).state in ("cancelled", "failed", "lost")


def test_what_is_no_message_of_a_control_is_refused(client, heard):
    """L6"""
    wrong = [
        update(None), update(7), update(""), update("m" * 129), update(["model"]), update("model", []),
        update("model", buffer_paths=[["a"]]), update("model", buffer_paths="a"), update("model", buffer_paths=[[0]]),
        {**update("model", buffer_paths=[["a"], ["b"]]), "buffers": ["AAAA"]}, {**update("model"), "buffers": ["no!"]},
        {**update("model"), "buffers": ["AAAA"] * 65}, {**update("model"), "msg_type": "execute_request"},
        {**update("model"), "code": "1"}, {"msg_type": "comm_msg", "content": []}, [], "model", 7,
    ]  # fmt: skip
    url = f"{client.url}/sessions/{heard}/comms"
    for body in wrong:
        assert client.http.post(url, json=body, timeout=60).status_code == 400, body
        form = {"message": json.dumps(body)}
        files = [("buffer", ("x", b"x"))] * 3
        assert client.http.post(url, data=form, files=files, timeout=60).status_code == 400, body
