"""MongoDB goes away and comes back: nothing that was acknowledged is lost, nothing is stored twice."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

import wire
from device import loop
from device.connect import connection
from device.output_files import FILES_TYPE
from tests.device.stage.scripted import BUSY, IDLE, INPUT, REPLY, Scripted, printed
from tests.mongod import run_mongod
from tests.store.conftest import submit

AWAY_S = 1.0  # the device's patience: a machine that is merely busy answers sooner


class Mongod:
    """A mongod that a test can stop and start."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._stack = ExitStack()

    def start(self) -> None:
        """Start it; it takes writes when this returns."""
        self._stack.enter_context(run_mongod(self.directory))

    def stop(self) -> None:
        """End it."""
        self._stack.close()


@pytest.fixture
def mongod(tmp_path):
    """A mongod of this test's own."""
    own = Mongod(tmp_path)
    own.start()
    yield own
    own.stop()


@pytest.fixture
def away(mongod, connect, make_stage, monkeypatch):
    """A stage whose mongod can be stopped, and a cell that has begun there: (stage, supervisor, Run, mongod)."""
    monkeypatch.setattr(loop, "STORE_PAUSE_S_MAX", 0.2)
    impatient = connect(mongod.directory, mongo_timeout_s=AWAY_S)
    stage = make_stage(connect(mongod.directory), impatient, heartbeat_timeout_s=20.0)
    supervisor = stage.supervisor()

    def begin(supervisor: Scripted, run: wire.Execute) -> None:
        supervisor.output(run, BUSY, INPUT)

    supervisor.on_run = begin
    id = submit(stage.store)
    stage.play(lambda: stage.computation(id).sequence >= 1)
    return stage, supervisor, supervisor.frames(wire.Execute)[0], mongod


def texts(stage, id: str) -> list[str]:
    """Return what a computation printed, having checked that sequences have no gap."""
    messages = [json.loads(text) for text in stage.store.messages.after(id, -1)[0]]
    assert [one["sequence"] for one in messages] == list(range(len(messages)))
    return [one["content"]["text"] for one in messages if one["header"]["msg_type"] == "stream"]


def test_a_cell_goes_on_and_ends_while_mongodb_is_away(away, caplog):
    stage, supervisor, run, mongod = away
    mongod.stop()
    supervisor.output(run, printed("while it is away\n"))
    stage.play(lambda: any("queued cells wait" in line for line in caplog.messages))
    supervisor.say(wire.File(run.session, run.computation, "a.txt", 2, b"12", True))
    supervisor.output(run, printed("more\n"), REPLY, IDLE)
    supervisor.done(run)
    for _ in range(3):
        stage.round()
    assert len([line for line in caplog.messages if "queued cells wait" in line]) == 1
    mongod.start()
    stage.play(lambda: not stage.device.runs.by_id)
    assert stage.computation(run.computation).state == "done"
    assert "".join(texts(stage, run.computation)) == "while it is away\nmore\n"
    messages = [json.loads(text) for text in stage.store.messages.after(run.computation, -1)[0]]
    (shown,) = [one for one in messages if one["header"]["msg_type"] == "display_data"]
    assert shown["content"]["data"][FILES_TYPE]["files"][0]["name"] == "a.txt"
    assert stage.store.files.open(run.computation, "a.txt").read() == b"12"
    assert "the database answers again" in caplog.messages
    assert not supervisor.ended


def test_what_waits_in_memory_has_a_bound_and_nothing_is_lost_beyond_it(away, monkeypatch):
    """And a device that stops while MongoDB is away ends its supervisors all the same."""
    stage, supervisor, run, mongod = away
    monkeypatch.setattr(loop, "WAITING_BYTES_MAX", 100_000)
    monkeypatch.setattr(connection, "ROUND_BYTES_MAX", 20_000)
    mongod.stop()
    lines = [f"{number:5d} {'x' * 5000}\n" for number in range(100)]
    for line in lines:
        supervisor.output(run, printed(line))
    supervisor.output(run, REPLY, IDLE)
    supervisor.done(run)
    found = stage.device.runs.by_id[run.computation]
    stage.play(lambda: found.waiting_bytes > 100_000)
    for _ in range(10):
        stage.round()
    assert found.waiting_bytes < 130_000
    mongod.start()
    stage.play(lambda: not stage.device.runs.by_id)
    assert "".join(texts(stage, run.computation)) == "".join(lines)
    assert not supervisor.ended
    mongod.stop()
    stage.close()
    assert supervisor.ended


def test_a_device_that_starts_while_mongodb_is_away_begins_when_it_is_there(
    tmp_path, connect, make_stage, caplog, monkeypatch
):
    monkeypatch.setattr(loop, "STORE_START_S", 0.5)
    stage = make_stage(connect(tmp_path), connect(tmp_path, mongo_timeout_s=AWAY_S))
    stage.play(lambda: stage.device.accounts[0].state == "ready")
    stage.play(lambda: any("queued cells wait" in line for line in caplog.messages))
    with run_mongod(tmp_path):
        id = submit(stage.store)
        assert stage.finish(id).state == "done"
