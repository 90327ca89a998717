"""Polling, long polls and server-sent events bring the same messages, from wherever a client left off."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest
import requests

CODE = """
import time
from IPython.display import display
for i in range(6):
    print(i, flush=True)
    display({'n': i})
    time.sleep(0.05)
print('line one\\nline two \\u2028 \\u2029 \\x85 end')
'last'
"""


def blocks(answer: requests.Response) -> Iterator[dict[str, str]]:
    """Yield the fields of each event of a stream as it comes."""
    rest = b""
    for piece in answer.iter_content(1):
        *whole, rest = (rest + piece).split(b"\n\n")
        for block in whole:
            fields: dict[str, str] = {}
            for line in block.decode().split("\n"):
                name, _, value = line.partition(":")
                fields[name] = (fields[name] + "\n" if name in fields else "") + value.removeprefix(" ")
            yield fields


def events(client, computation: str, last: int | None = None, most: int | None = None) -> tuple[list, bool]:
    """Read events to their end, or until they brought ``most`` messages; return (id, message)s and whether it ended."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    url = f"{client.url}/computations/{computation}/events"
    found: list[tuple[int, dict]] = []
    with client.http.get(url, headers=headers, stream=True, timeout=60) as answer:
        assert answer.status_code in (200, 204), answer.text
        if answer.status_code == 204:
            return [], True
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for fields in blocks(answer):
            if fields.get("event") == "end":
                return found, True
            if "data" in fields:
                found.append((int(fields["id"]), json.loads(fields["data"])))
            if most is not None and len(found) >= most:
                return found, False
    return found, False


def poll(client, computation: str) -> list[dict]:
    """Return all messages by polling without waiting."""
    messages, end = [], time.monotonic() + 60
    while time.monotonic() < end:
        page = client.messages(computation, messages[-1]["sequence"] if messages else -1, wait_s=0)
        messages += page["messages"]
        if page["finished"]:
            return messages
        time.sleep(0.02)
    raise AssertionError(f"no end: {messages}")


def test_polling_long_polls_and_events_bring_the_same_messages(client):
    computation = client.submit(CODE)["id"]
    streamed: list = []
    other = type(client)(client.url)  # a connection of its own
    thread = threading.Thread(target=lambda: streamed.append(events(other, computation)))
    thread.start()
    polled = poll(type(client)(client.url), computation)
    long_polled = client.finish(computation).messages
    thread.join(60)
    ((found, ended),) = streamed
    assert ended
    assert [message for _id, message in found] == long_polled == polled
    assert [id for id, _message in found] == list(range(len(polled)))
    text = "".join(m["content"]["text"] for m in polled if m["header"]["msg_type"] == "stream")
    assert text == "".join(f"{i}\n" for i in range(6)) + "line one\nline two \u2028 \u2029 \x85 end\n"


def test_events_are_taken_up_after_the_last_event_id(client):
    computation = client.submit(CODE)["id"]
    found, ended = events(client, computation, most=3)
    assert not ended
    while not ended:
        more, ended = events(client, computation, last=found[-1][0], most=3)
        found += more
    assert [message for _id, message in found] == client.finish(computation).messages


def test_a_client_that_has_everything_is_told_to_stop(client):
    outcome = client.run("1")
    last = outcome.messages[-1]["sequence"]
    answer = client.http.get(
        f"{client.url}/computations/{outcome.description['id']}/events",
        headers={"Last-Event-ID": str(last)},
        timeout=30,
    )
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_client_that_comes_back_gets_exactly_the_rest(client):
    outcome = client.run(CODE)
    id = outcome.description["id"]
    for after in range(-1, len(outcome.messages)):
        page = client.messages(id, after)
        assert page["messages"] == outcome.messages[after + 1 :]
        assert page["finished"] is True and page["next"] == len(outcome.messages) - 1


def test_a_page_can_be_asked_for_twice(client):
    computation = client.submit(CODE)["id"]
    outcome = client.finish(computation)
    assert client.messages(computation, 2) == client.messages(computation, 2)
    assert [m["sequence"] for m in client.messages(computation, 2)["messages"]] == list(range(3, len(outcome.messages)))


def test_a_long_poll_returns_when_something_comes_and_not_before_the_wait_is_over(client):
    computation = client.submit("input()")["id"]
    seen = client.until_asked(computation)
    page = client.messages(computation, seen[-1]["sequence"], wait_s=0.2)
    assert page["messages"] == [] and page["finished"] is False and page["next"] == seen[-1]["sequence"]
    answers: list[dict] = []
    other = type(client)(client.url)
    waiting = threading.Thread(
        target=lambda: answers.append(other.messages(computation, seen[-1]["sequence"], wait_s=30))
    )
    waiting.start()
    client.answer(computation, "x")
    waiting.join(25)  # far below the 30 seconds it was ready to wait
    assert answers and answers[0]["messages"]


def test_after_beyond_the_end_is_refused_with_a_sentence(client):
    outcome = client.run("1")
    id, last = outcome.description["id"], outcome.messages[-1]["sequence"]
    assert client.messages(id, last)["messages"] == []
    for after in (last + 1, 10**9):
        answer = client.http.get(f"{client.url}/computations/{id}/messages", params={"after": after}, timeout=30)
        assert answer.status_code == 400
        assert "after" in answer.json()["detail"]


@pytest.mark.parametrize("after", ["x", "-2", "1.5", "", "1e3", "9" * 30, "٣", " 1", "0x1"])
def test_an_after_that_is_no_number_is_refused(client, after):
    id = client.run("1").description["id"]
    for path, request in (
        ("messages", {"params": {"after": after}}),
        ("events", {"headers": {"Last-Event-ID": after.encode()}}),
    ):
        if path == "events" and after in ("", " 1"):
            continue  # HTTP takes an empty header for none, and trims its value
        answer = client.http.get(f"{client.url}/computations/{id}/{path}", timeout=30, **request)
        assert answer.status_code == 400, (path, after, answer.text)
        assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("wait", ["-1", "31", "x", "nan", "inf"])
def test_a_wait_out_of_range_is_refused(client, wait):
    id = client.run("1").description["id"]
    answer = client.http.get(f"{client.url}/computations/{id}/messages", params={"wait": wait}, timeout=60)
    assert answer.status_code == 400 and "wait" in answer.json()["detail"]


def test_a_quiet_stream_is_given_up_without_harm(client):
    computation = client.submit("input()")["id"]
    for _ in range(3):
        found, _ended = events(client, computation, most=2)
        assert [id for id, _message in found] == [0, 1]
    client.until_asked(computation)
    client.answer(computation, "")
    assert client.finish(computation).state == "done"
