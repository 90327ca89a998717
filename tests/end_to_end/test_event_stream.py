"""What happens to computations is told to programs, over HTTP and on a socket: in order, and once more on demand."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

import settings as settings_file
import store as stores
from harness.processes import start, wait_for
from harness.server import ROOT, START_S
from store import address
from tests.end_to_end.test_events import blocks

WHOLE = ["submitted", "started", "message", "finished"]
VISITOR = {"X-Forwarded-For": "203.0.113.77"}  # whom a proxy speaks for is no operator


class Stream:
    """A stream of events that is being read; each event with its mark as ``id``."""

    def __init__(self, answer: requests.Response) -> None:
        self._blocks = blocks(answer)
        self.heard: set[str] = set()

    def __iter__(self) -> Iterator[dict]:
        for fields in self._blocks:
            if "data" in fields:
                yield {"id": fields.get("id"), **json.loads(fields["data"])}

    def until_finished(self, computation: str) -> list[dict]:
        """Return the events of one computation up to its end."""
        found = []
        for event in self:
            self.heard.add(event["computation"])
            if event["computation"] == computation:
                found.append(event)
                if event["event"] == "finished":
                    return found
        raise AssertionError(f"the stream ended: {found}")


@contextmanager
def listening(url: str, mark: str | None = None, headers: dict[str, str] | None = None, **query: str):
    """Listen to events until the block ends."""
    headers = {**(headers or {}), **({"Last-Event-ID": mark} if mark else {})}
    with requests.get(f"{url}/events", params=query, headers=headers, stream=True, timeout=60) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield Stream(answer)


def test_a_cell_is_told_in_order_with_its_messages_and_its_usage(client):
    with listening(client.url) as stream:
        id = client.submit("print('told')")["id"]
        told = stream.until_finished(id)
    outcome = client.finish(id)
    assert [event["event"] for event in told] == WHOLE
    assert [event["state"] for event in told if event["event"] != "message"] == ["queued", "running", "done"]
    assert [one for event in told for one in event.get("messages", ())] == outcome.messages
    assert told[-1]["usage"] == outcome.description["usage"] and told[-1]["language"] == "python"
    assert all("code" not in event for event in told)


def test_output_that_comes_bit_by_bit_is_told_whole(client):
    code = "import time\nfor n in range(5):\n    print(str(n) * 30_000, flush=True)\n    time.sleep(0.1)"
    with listening(client.url) as stream:
        id = client.submit(code)["id"]
        told = stream.until_finished(id)
    assert len([event for event in told if event["event"] == "message"]) > 1
    assert [one for event in told for one in event.get("messages", ())] == client.finish(id).messages


def test_one_goes_on_behind_a_mark_and_hears_what_was_missed(client):
    with listening(client.url) as stream:
        first = stream.until_finished(client.submit("1")["id"])
    missed = client.run("2").description["id"]
    for way in ({"mark": first[-1]["id"]}, {"after": first[-1]["id"]}):
        with listening(client.url, **way) as stream:
            assert [event["event"] for event in stream.until_finished(missed)] == WHOLE
    with listening(client.url, mark=first[0]["id"], computation=first[0]["computation"]) as stream:
        assert [event["event"] for event in stream.until_finished(first[0]["computation"])] == WHOLE[1:]


def test_of_what_the_oplog_does_not_reach_any_more_the_ends_are_told(client):
    with listening(client.url) as stream:
        mark = stream.until_finished(client.submit("1")["id"])[-1]["id"]
    second, _, token = mark.partition(".")
    ended = client.run("2").description["id"]
    long_ago = f"{int(second) - 3600}.{token[:2]}{int(token[2:10], 16) - 10 * 86400:08X}{token[10:]}"
    with listening(client.url, mark=long_ago) as stream:
        assert [event["event"] for event in stream.until_finished(ended)] == ["finished"]
        assert [event["event"] for event in stream.until_finished(client.submit("3")["id"])] == WHOLE


def test_a_program_hears_of_what_was_submitted_with_its_key(client, server):
    door = stores.connect(settings_file.load(mongo_uri=address.uri(server.data / "mongo")))
    program = {**VISITOR, "Authorization": f"Bearer {door.keys.make(stores.Key('listens', 'api'))}"}
    page = {**VISITOR, "Authorization": f"Bearer {door.keys.make(stores.Key('of-a-page', 'page'))}"}
    door.close()

    def submit() -> requests.Response:
        return requests.post(f"{client.url}/computations", json={"code": "2"}, headers=program, timeout=60)

    wait_for(lambda: submit().ok)  # the web part has heard of the key
    with listening(client.url, headers=program) as stream:
        others = client.run("1").description["id"]
        heard = stream.until_finished(submit().json()["id"])
    assert [event["event"] for event in heard] == WHOLE and {event["key"] for event in heard} == {"listens"}
    assert others not in stream.heard
    assert requests.get(f"{client.url}/events", headers=page, timeout=60).status_code == 401


def test_kinds_are_chosen(client):
    with listening(client.url, kinds="started,finished") as stream:
        told = stream.until_finished(client.submit("1")["id"])
    assert [event["event"] for event in told] == ["started", "finished"]


def test_others_than_the_operator_and_programs_hear_nothing(client):
    for headers, status in ((VISITOR, 401), ({**VISITOR, "Authorization": f"Bearer api_{'x' * 32}"}, 401)):
        answer = requests.get(f"{client.url}/events", headers=headers, timeout=60)
        assert answer.status_code == status and "key" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"after": "1"}, "after"), ({"after": "1796030000.zz"}, "after"), ({"after": "1796030000.8269"}, "after"),
        ({"after": f"1796030000.{'8' * 100}"}, "after"), ({"kinds": "ended"}, "kinds"),
        ({"computation": "x"}, "computation"),
    ],
)  # fmt: skip
def test_what_is_no_mark_no_kind_and_no_id_is_refused(client, query, word):
    answer = requests.get(f"{client.url}/events", params=query, timeout=60)
    assert answer.status_code == 400 and word in answer.json()["detail"]


@pytest.fixture
def publisher(server, tmp_path) -> Iterator[Path]:
    """The program that publishes events of this server; the path of its socket."""
    config = tmp_path / "settings.py"
    config.write_text(f"data_directory = {str(server.data)!r}\n")
    config.chmod(0o600)
    env = {**os.environ, "SINGLECELL_CONFIG": str(config)}
    argv = [sys.executable, "-m", "device.events"]
    with start(argv, ready="events are published", deadline_s=START_S, env=env, cwd=ROOT):
        yield server.data / "events" / "events.sock"


def test_the_examples_print_live_and_write_usage(client, server, publisher, tmp_path):
    table = tmp_path / "usage.csv"
    printing = [sys.executable, ROOT / "examples/print_live.py", publisher]
    writing = [sys.executable, ROOT / "examples/usage_csv.py", client.url, table]
    ends = []

    def is_heard() -> bool:
        ends.append(client.run("1").description["id"])
        return table.exists() and ends[-1] in table.read_text() and any(end in live.output for end in ends)

    with start(printing, ready=lambda: True, deadline_s=START_S) as live:
        with start(writing, ready=lambda: True, deadline_s=START_S):
            wait_for(is_heard)
        missed = client.run("2").description["id"]
        id = client.run("print(3)").description["id"]
        live.wait_for_line(f"{id} finished done", START_S)
        lines = [line.split()[2:] for line in live.output.splitlines() if id in line]
        assert lines[0] == ["submitted", "python"] and lines[1] == ["started", "attempt", "1"]
        assert lines[-1] == ["finished", "done"] and lines[2][0] == "message"
    with start(writing, ready=lambda: missed in table.read_text() and id in table.read_text(), deadline_s=START_S):
        rows = list(csv.DictReader(table.open()))
    assert {row["computation"] for row in rows} >= {missed, id, ends[-1]}
    assert all(row["state"] == "done" and float(row["cpu_s"]) > 0 for row in rows if row["computation"] in (missed, id))
    assert oct(publisher.stat().st_mode)[-3:] in ("600", "700")


def mistaken(program: str, *arguments: str) -> str:
    """Return what an example says when it is given what it cannot work with; it ends as a wrong command does."""
    argv = [sys.executable, ROOT / "examples" / program, *arguments]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=START_S, check=False)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr, ended.stderr
    return ended.stderr.splitlines()[-1].partition(": error: ")[2]


def test_the_examples_say_what_is_wrong_with_their_command(client, tmp_path):
    table, other = tmp_path / "usage.csv", tmp_path / "other.csv"
    other.write_text("item,code\n")
    assert mistaken("print_live.py") == "the following arguments are required: socket"
    assert "publish_events = True" in mistaken("print_live.py", str(tmp_path / "events.sock"))
    assert mistaken("print_live.py", str(other)) == f"{other} is no socket"
    assert mistaken("usage_csv.py", client.url) == "the following arguments are required: file"
    assert mistaken("usage_csv.py", "nowhere", str(table)) == "unknown url type: 'nowhere/events?kinds=finished'"
    assert mistaken("usage_csv.py", client.url, str(other)) == f"{other} is there, and is no table of usage"
    assert other.read_text() == "item,code\n"
    (tmp_path / "usage.csv.mark").write_text("no mark")
    assert "HTTP Error 400" in mistaken("usage_csv.py", client.url, str(table))
