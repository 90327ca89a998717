"""A control moves at the speed of a hand: the last value counts, Stop works, a flood stays with its session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

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
