"""Polling, long polls and server-sent events: three ways to the same messages."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from harness.processes import wait_for
from store import Store
from tests.web.conftest import Device, check_problem, submit, texts
from web import message_pages
from web.notifier import Notifier


def read(client: FlaskClient, id: str, **query: Any) -> dict[str, Any]:
    response = client.get(f"/computations/{id}/messages", query_string=query)
    assert response.status_code == 200, response.text
    return response.get_json()  # type: ignore[no-any-return]


def read_all(client: FlaskClient, id: str, **query: Any) -> list[dict[str, Any]]:
    """Read page after page until it is finished."""
    messages: list[dict[str, Any]] = []
    page = {"next": -1, "finished": False}
    while not page["finished"]:
        page = read(client, id, after=page["next"], **query)
        messages += page["messages"]
    return messages


def events(client: FlaskClient, id: str, **headers: str) -> list[dict[str, str]]:
    """Return the events of a stream that ends."""
    response = client.get(f"/computations/{id}/events", headers=headers)
    assert response.status_code == 200
    assert response.mimetype == "text/event-stream"
    blocks = [block for block in response.text.split("\n\n") if block and not block.startswith((":", "retry"))]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


def test_messages_come_in_order_with_their_sequence_and_attempt(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    claim = device.claim()
    device.say(claim, "a", "b")
    page = read(client, id)
    assert [message["sequence"] for message in page["messages"]] == [0, 1]
    assert {message["attempt"] for message in page["messages"]} == {1}
    assert page["next"] == 1 and page["state"] == "running" and page["finished"] is False
    device.finish(claim, "c")
    page = read(client, id, after=page["next"])
    assert texts(page["messages"]) == ["c"]
    assert page["next"] == 2 and page["state"] == "done" and page["finished"] is True


def test_nothing_new_keeps_the_place(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    nothing = {"messages": [], "next": -1, "state": "queued", "finished": False}
    assert read(client, id) == {**nothing, "queue_position": 1}


def test_in_a_long_line_the_answer_to_a_submission_says_its_place(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(query: str = "?wait=0.01") -> dict[str, Any]:
        return client.post(f"/computations{query}", json={"code": "1"}).get_json()  # type: ignore[no-any-return]

    monkeypatch.setattr("store.long_line.LONG", 1)
    first, second = answer(), answer()
    assert "queue_position" not in first and "queue_position" not in second
    assert read(client, second["id"])["queue_position"] == 2
    assert answer()["queue_position"] == 3 and "queue_position" not in answer("")


def test_after_beyond_the_end_is_refused(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    device.run("a")
    assert read(client, id, after=0)["messages"] == []
    check_problem(client.get(f"/computations/{id}/messages?after=1"), 400, "beyond")
    check_problem(client.get(f"/computations/{id}/events", headers={"Last-Event-ID": "1"}), 400, "beyond")


@pytest.fixture
def hints_alone(app: Flask, store: Store, monkeypatch: pytest.MonkeyPatch) -> Notifier:
    """The application's notifier, which hears hints already and would not look again by itself."""
    notifier: Notifier = app.extensions["singlecell"].notifier
    with notifier.subscribed("warm-up") as event:
        wait_for(lambda: store.hints.announce("news", "warm-up") or event.wait(0.05))
    monkeypatch.setattr("web.notifier.RECHECK_S", 60.0)
    return notifier


def test_a_long_poll_is_woken_by_a_message(
    app: Flask, client: FlaskClient, device: Device, hints_alone: Notifier
) -> None:
    id = submit(client)["id"]
    claim = device.claim()
    page: dict[str, Any] = {}
    waiter = threading.Thread(target=lambda: page.update(read(app.test_client(), id, wait=30)))
    waiter.start()
    wait_for(lambda: hints_alone.waiting == 1)
    device.say(claim, "hello")
    waiter.join(25)  # below the 30 seconds that it would wait
    assert texts(page["messages"]) == ["hello"]
    assert hints_alone.waiting == 0


def test_who_waits_in_a_long_line_is_woken_by_news_and_asks_for_nothing_before(
    app: Flask, client: FlaskClient, device: Device, hints_alone: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.long_line.LONG", 0)
    monkeypatch.setattr("store.long_line.KEPT_S", 3600.0)  # a reading that tells of nothing that happens
    monkeypatch.setattr("web.notifier.RECHECK_S", 0.01)
    id = [submit(client)["id"] for _ in range(2)][1]
    assert read(client, id)["queue_position"] == 2
    computations, asked = app.extensions["singlecell"].store.computations, []
    waits = computations.waits_in_a_long_line
    monkeypatch.setattr(computations, "waits_in_a_long_line", lambda id: asked.append(id) or waits(id))
    database, page = device.store._database.ready(), {}
    database.command("profile", 2)
    try:
        waiter = threading.Thread(target=lambda: page.update(read(app.test_client(), id, wait=30)))
        waiter.start()
        wait_for(lambda: len(asked) > 20)
    finally:
        database.command("profile", 0)
    assert database["system.profile"].count_documents({"command.filter._id": id}) == 1
    device.run()
    device.run()
    waiter.join(30)
    assert page["state"] == "done"


def test_what_stands_far_back_in_a_long_line_is_told_its_place_without_a_look_at_it(
    app: Flask, client: FlaskClient, device: Device, hints_alone: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LONG": 0, "KEPT_S": 3600.0, "NEAR": 1}.items():
        monkeypatch.setattr(f"store.long_line.{name}", value)
    near, far = (submit(client)["id"] for _ in range(2))
    for id, place in ((near, 1), (far, 2)):
        assert read(client, id)["queue_position"] == place
        # The line is read once more: so it is known that nobody leaves it.
        monkeypatch.setattr(app.extensions["singlecell"].store.computations._lanes._long_line, "_due", time.monotonic())
    database, page = device.store._database.ready(), {}
    database.command("profile", 2)
    try:
        assert read(client, far) == {
            "messages": [], "next": -1, "state": "queued", "finished": False, "queue_position": 2
        }  # fmt: skip
        assert read(client, near)["queue_position"] == 1
    finally:
        database.command("profile", 0)
    looks = database["system.profile"]
    assert [looks.count_documents({"command.filter._id": id}) for id in (near, far)] == [1, 0]
    waiter = threading.Thread(target=lambda: page.update(read(app.test_client(), far, wait=30)))
    waiter.start()
    wait_for(lambda: hints_alone.waiting == 1)
    device.run()
    device.run("here")
    waiter.join(25)
    assert texts(page["messages"]) == ["here"]


def test_a_long_poll_is_woken_by_the_end(app: Flask, client: FlaskClient, hints_alone: Notifier) -> None:
    id = submit(client)["id"]
    page: dict[str, Any] = {}
    waiter = threading.Thread(target=lambda: page.update(read(app.test_client(), id, wait=30)))
    waiter.start()
    wait_for(lambda: hints_alone.waiting == 1)
    client.delete(f"/computations/{id}")
    waiter.join(25)  # below the 30 seconds that it would wait
    assert page["state"] == "cancelled" and page["finished"] is True


def test_a_lost_hint_costs_no_result(app: Flask, client: FlaskClient, device: Device, monkeypatch) -> None:
    monkeypatch.setattr(app.extensions["singlecell"].notifier, "wake", lambda subject: None)
    id = submit(client)["id"]
    claim = device.claim()
    page: dict[str, Any] = {}
    waiter = threading.Thread(target=lambda: page.update(read(app.test_client(), id, wait=30)))
    waiter.start()
    wait_for(lambda: app.extensions["singlecell"].notifier.waiting == 1)
    device.say(claim, "hello")
    waiter.join(25)  # below the 30 seconds that it would wait
    assert texts(page["messages"]) == ["hello"]


def test_a_large_output_comes_in_pages_and_only_the_last_is_finished(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    said = [f"{number}" + "x" * (message_pages.PAGE_BYTES // 3) for number in range(8)]
    device.run(*said)
    first = read(client, id)
    assert first["finished"] is False and 0 < len(first["messages"]) < len(said)
    assert texts(read_all(client, id)) == said


def test_a_message_larger_than_a_page_comes_alone(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    device.run("x" * (message_pages.PAGE_BYTES + 1), "y")
    assert len(read(client, id)["messages"]) == 1
    assert len(read_all(client, id)) == 2


def test_polls_long_polls_and_events_give_the_same_messages(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    device.run("a", "two\nlines", "é\u2028\U0001f600")
    polled = read_all(client, id)
    assert read_all(client, id, wait=1) == polled
    *streamed, end = events(client, id)
    assert [json.loads(event["data"]) for event in streamed] == polled
    assert [int(event["id"]) for event in streamed] == [message["sequence"] for message in polled]
    assert end["event"] == "end" and json.loads(end["data"]) == {"state": "done", "next": 2}


@pytest.mark.parametrize("seen", [0, 1])
def test_events_resume_after_the_last_event_id(client: FlaskClient, device: Device, seen: int) -> None:
    id = submit(client)["id"]
    device.run("a", "b", "c")
    *streamed, _end = events(client, id, **{"Last-Event-ID": str(seen)})
    assert texts([json.loads(event["data"]) for event in streamed]) == ["a", "b", "c"][seen + 1 :]


def test_an_event_source_that_has_everything_is_stopped(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    device.run("a")
    assert client.get(f"/computations/{id}/events", headers={"Last-Event-ID": "0"}).status_code == 204


def test_events_follow_a_computation_to_its_end(app: Flask, client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    found: list[dict[str, str]] = []
    follower = threading.Thread(target=lambda: found.extend(events(app.test_client(), id)))
    follower.start()
    wait_for(lambda: app.extensions["singlecell"].notifier.waiting == 1)
    claim = device.claim()
    device.say(claim, "a")
    device.finish(claim, "b")
    follower.join(10)
    assert [event.get("event", "message") for event in found] == ["message", "message", "end"]
