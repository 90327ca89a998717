"""A control moves at the speed of a hand: the last value counts, Stop works, a flood stays with its session."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from harness.kernel_sockets import KernelClient, reply
from tests.client import Outcome

# A slider whose function prints its values, on the package that ipywidgets, too, stands on.
SLIDER = """
import time
from comm import create_comm
slider = create_comm(target_name='jupyter.widget', data={'state': {'value': 0}}, comm_id='slider')
seen = []
def moved(message):
    value = message['content']['data']['state']['value']
    seen.append(value)
    time.sleep(wait_s)
    print('value', value, flush=True)
    slider.send({'method': 'echo_update', 'state': {'value': value}})
    if value == 'for ever':
        while True: pass
    if value == 'flood':
        while True: slider.send({'method': 'update', 'state': {'value': 1}})
    if value == 'ten megabytes':
        slider.send({'method': 'update', 'state': {'value': 'x' * 10_000_000}})
slider.on_msg(moved)
wait_s = 0.0
"""

# What ipywidgets itself makes of a slider and of a picture.
WIDGETS = """
import ipywidgets as w
slider, picture = w.IntSlider(3), w.Image(value=bytes(range(256)))
slider.observe(lambda change: print("moved to", change.new), "value")
"""
WIDGET, CONTROL = "jupyter.widget", "jupyter.widget.control"


def move(client, session: str, value: object, model: str = "slider", wait_s: float = 0) -> dict:
    """Move the slider; return the answer."""
    content = {"comm_id": model, "data": {"method": "update", "state": {"value": value}}}
    body = {"msg_type": "comm_msg", "content": content}
    answer = client.http.post(f"{client.url}/sessions/{session}/comms?wait={wait_s}", json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def session(client) -> Iterator[str]:
    """A session with a slider; ended after the test."""
    outcome = client.run(SLIDER, keep=True)
    yield outcome.description["session"]
    client.end_session(outcome.description["session"])


def test_one_request_moves_a_slider_and_brings_what_its_function_says(client, session):
    answer = move(client, session, 7, wait_s=20)
    kinds = [message["header"]["msg_type"] for message in answer["messages"]]
    assert answer["finished"] and kinds == ["status", "stream", "comm_msg", "status"]
    assert answer["messages"][2]["content"]["data"] == {"method": "echo_update", "state": {"value": 7}}


def test_a_drag_that_is_faster_than_its_function_ends_at_the_last_value(client, session):
    client.run("wait_s = 0.05", session=session, keep=True)
    answers = [move(client, session, value) for value in range(100)]
    assert client.finish(answers[-1]["id"]).text() == "value 99\n"
    seen = json.loads(client.run("seen", session=session, keep=True).result)
    assert seen == sorted(seen) and len(seen) < 100
    # Three cells; of the drag two that were over when the last one came, the one that ran then, and the last one.
    described = client.http.get(f"{client.url}/sessions/{session}", timeout=30).json()
    assert len(described["computations"]) <= 3 + 4


def test_cells_of_others_run_while_sliders_are_dragged(client, session):
    with ThreadPoolExecutor(1) as hand:
        drag = hand.submit(lambda: [move(client, session, value, wait_s=20) for value in range(50)])
        while not drag.done():
            assert client.run("6 * 7").result == "42"
        assert all(answer["finished"] for answer in drag.result())


def test_a_function_that_never_returns_is_stopped_and_the_last_value_follows(client, session):
    endless = move(client, session, "for ever")["id"]
    client.until_printed(endless)
    waiting = {move(client, session, value)["id"] for value in (1, 2, 3)}
    assert client.run("'another'").result == "'another'"
    client.interrupt(endless)
    assert client.finish(endless).state == "done"
    assert [client.finish(id).text() for id in waiting] == ["value 3\n"]


def test_a_flood_of_updates_ends_its_session_alone_with_a_sentence(client, session):
    flooding = move(client, session, "flood")["id"]
    assert client.run("1 + 1").result == "2"
    outcome = client.finish(flooding)
    assert (outcome.state, outcome.reason) == ("failed", "output") and "messages" in outcome.error["evalue"]


def test_a_state_of_ten_megabytes_is_told_and_the_slider_goes_on(client, session):
    outcome = client.finish(move(client, session, "ten megabytes")["id"])
    assert outcome.state == "done" and "10000" in outcome.text("stderr") + str(outcome.of_type("error"))
    assert client.finish(move(client, session, 5)["id"]).text() == "value 5\n"


def test_a_model_of_another_session_is_not_there(client, session):
    other = client.run("x = 1", keep=True).description["session"]
    outcome = client.finish(move(client, other, 666)["id"])
    assert outcome.state == "done" and not outcome.text()
    assert client.run("seen", session=session, keep=True).result == "[]"
    client.end_session(other)


def deliver(client, session: str, msg_type: str, content: dict) -> Outcome:
    """Hand a message to the session; return what it brings about."""
    message = {"msg_type": msg_type, "content": content, "metadata": {"version": "1.0.0"}}
    body = {"message": message, "session": session, "keep": True}
    answer = client.http.post(f"{client.url}/computations", json=body, timeout=60)
    assert answer.status_code == 201, answer.text
    outcome = client.finish(answer.json()["id"])
    assert outcome.state == "done" and not outcome.of_type("error"), outcome.messages
    return outcome


def open_comms(client, session: str, target_name: str = "") -> dict:
    """Return the open comms of a session, of one target or all."""
    query = {"target_name": target_name} if target_name else {}
    answer = client.http.get(f"{client.url}/sessions/{session}/comms", params=query, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "ok"
    return answer.json()["comms"]


def test_models_are_listed_by_target_and_come_back_in_one_message(client):
    outcome = client.run(WIDGETS, keep=True)
    session, models = outcome.description["session"], outcome.of_type("comm_open")
    [slider] = [model["comm_id"] for model in models if model["data"]["state"]["_model_name"] == "IntSliderModel"]
    moved = move(client, session, 7, slider, wait_s=20)
    said = [message["content"] for message in moved["messages"] if message["header"]["msg_type"] == "comm_msg"]
    assert said[0]["data"]["method"] == "echo_update" and said[0]["data"]["state"] == {"value": 7}
    deliver(client, session, "comm_open", {"comm_id": "control", "target_name": CONTROL, "data": {}})
    assert open_comms(client, session, CONTROL) == {"control": {"target_name": CONTROL}}
    assert open_comms(client, session, WIDGET) == {model["comm_id"]: {"target_name": WIDGET} for model in models}
    assert open_comms(client, session).keys() == open_comms(client, session, WIDGET).keys() | {"control"}
    asked = deliver(client, session, "comm_msg", {"comm_id": "control", "data": {"method": "request_states"}})
    [answer] = [message for message in asked.messages if message["header"]["msg_type"] == "comm_msg"]
    data = answer["content"]["data"]
    assert data["method"] == "update_states" and data["states"].keys() == open_comms(client, session, WIDGET).keys()
    assert data["states"][slider]["state"]["value"] == 7
    [[_picture, *path]] = data["buffer_paths"]
    assert path == ["state", "value"] and b64decode(answer["buffers"][0]) == bytes(range(256))
    client.end_session(session)


def test_clients_of_jupyter_are_told_of_the_open_comms(server):
    kernels = KernelClient(server.url)
    with kernels.open(kernels.start()) as socket:
        for code, comms in (("", {}), (SLIDER, {"slider": {"target_name": WIDGET}})):
            socket.run(code or "1")
            told = socket.finish(socket.send("comm_info_request", {"target_name": WIDGET}))
            assert reply(told, "comm_info_reply") == {"status": "ok", "comms": comms}


def test_buffers_go_to_the_kernel_in_parts(client):
    code = "from comm import create_comm\nfrom hashlib import sha256\nc = create_comm(target_name='t', comm_id='c')\n"
    code += "c.on_msg(lambda m: print([sha256(b).hexdigest() for b in m['buffers']]))"
    session = client.run(code, keep=True).description["session"]
    buffers = [bytes(range(256)) * 8000, b"", b"\r\n--x"]
    message = {"msg_type": "comm_msg", "content": {"comm_id": "c", "data": {"method": "custom"}}}
    files = [("buffer", ("buffer", buffer)) for buffer in buffers]
    for path, fields in ((f"/sessions/{session}/comms", {}), ("/computations", {"session": session, "keep": "true"})):
        form = {"message": json.dumps(message), **fields}
        answer = client.http.post(f"{client.url}{path}", data=form, files=files, timeout=60)
        assert answer.status_code == 201, answer.text
        assert client.finish(answer.json()["id"]).text() == f"{[sha256(each).hexdigest() for each in buffers]}\n"
    client.end_session(session)
