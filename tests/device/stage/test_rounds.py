"""No round of the device's loop is long: what is long is stored, and read, in pieces, and others go on in between."""

from __future__ import annotations

import io
import sys
from types import FrameType

import wire
from device import persistence
from device.runs import Session
from tests.device.stage.cells import busy, said
from tests.device.stage.scripted import BUSY, IDLE, INPUT, REPLY, message, printed, run_well
from tests.store.conftest import submit


def test_a_long_file_is_stored_in_pieces_and_another_cell_ends_in_between(stage, monkeypatch):
    monkeypatch.setattr(persistence, "ROUND_S", 0.0)
    supervisor = stage.supervisor()
    supervisor.on_run = busy
    long, short = submit(stage.store), submit(stage.store)
    stage.play(lambda: len(supervisor.frames(wire.Execute)) == 2)
    runs = {run.computation: run for run in supervisor.frames(wire.Execute)}
    run, data = runs[long], bytes(range(256)) * (1 << 12) * 20
    for start in range(0, len(data), wire.CHUNK_BYTES):
        end = start + wire.CHUNK_BYTES
        piece = wire.File(run.session, long, "a.bin", len(data), data[start:end], end >= len(data))
        supervisor.say(piece)
    supervisor.output(run, REPLY, IDLE)
    supervisor.done(run)
    stage.play(lambda: long in stage.device.runs.by_id and stage.device.runs.by_id[long].writing)
    supervisor.output(runs[short], REPLY, IDLE)
    supervisor.done(runs[short])
    stage.play(lambda: stage.computation(short).over)
    assert not stage.computation(long).over
    assert stage.finish(long).state == "done"
    assert stage.store.files.open(long, "a.bin").read() == data


def test_long_output_is_stored_in_pieces_in_order_and_its_end_behind_the_last(stage, monkeypatch):
    monkeypatch.setattr(persistence, "APPEND_MESSAGES_MAX", 2)
    monkeypatch.setattr(persistence, "APPEND_BYTES_MAX", 5_000)
    shown = [message("display_data", {"data": {"text/plain": "x" * 2_000 * (n % 4)}, "metadata": {}}) for n in range(9)]
    sequences = []

    def cell(supervisor, run):
        supervisor.output(run, BUSY, INPUT, *shown, printed("end"), REPLY, IDLE)
        supervisor.done(run)

    stage.site.on_run = cell
    id = submit(stage.store)
    stage.play(lambda: sequences.append(stage.computation(id).sequence) or stage.computation(id).over)
    assert stage.computation(id).state == "done"
    assert len(set(sequences)) > 5
    lengths = [len(one["content"]["data"]["text/plain"]) for one in said(stage.store, id)[2:11]]
    assert lengths == [2_000 * (n % 4) for n in range(9)]


def test_long_uploads_are_read_in_pieces_and_another_cell_ends_in_between(stage):
    supervisor = stage.supervisor()
    data = bytes(range(256)) * (1 << 12) * 20
    long = submit(stage.store, uploads=[("big", io.BytesIO(data)), ("empty", io.BytesIO())])
    stage.play(lambda: long in stage.device.runs.by_id)
    assert stage.finish(submit(stage.store)).state == "done"
    assert not supervisor.frames(wire.Upload)
    assert stage.finish(long).state == "done"
    assert b"".join(piece.data for piece in supervisor.frames(wire.Upload)) == data


def test_an_introspection_reply_too_long_for_the_store_is_an_error_and_no_other_is(stage):
    supervisor = stage.supervisor()
    ids = [stage.store.introspections.put(None, "python", "inspect", "x", 1, 1) for _ in range(2)]
    stage.play(lambda: len(supervisor.frames(wire.Introspect)) == 2)
    # Each number is four characters here, and eighteen when it is written anew.
    data = b'{"a":[' + b"5e15," * 1_000_000 + b"0]}"
    for ask, value in zip(supervisor.frames(wire.Introspect), (data, b"{}"), strict=True):
        content = b'{"status":"ok","found":true,"metadata":{},"data":' + value + b"}"
        supervisor.say(wire.IntrospectReply(ask.request, "ok", content))
    stage.play(lambda: all(map(stage.store.introspections.reply_to, ids)))
    assert [stage.store.introspections.reply_to(id).status for id in ids] == ["error", "ok"]
    stage.site.newest().on_run = run_well
    assert stage.finish(submit(stage.store)).state == "done"


def test_the_cell_of_another_overtakes_uploads_on_their_way(stage):
    supervisor = stage.supervisor()
    long = submit(stage.store, uploads=[("big", io.BytesIO(bytes(32 * wire.CHUNK_BYTES)))])
    stage.play(lambda: supervisor.frames(wire.Upload))
    short = submit(stage.store)
    assert stage.finish(short).state == stage.finish(long).state == "done"
    names = [type(frame).__name__ for frame in supervisor.heard]
    runs = [frame.computation for frame in supervisor.frames(wire.Execute)]
    assert runs == [short, long]
    assert names.index("Execute") < len(names) - 1 - names[::-1].index("Upload")


def test_cells_that_end_in_one_round_are_stored_with_one_command(stage, monkeypatch):
    stored, one_command = [], stage.store.claims.finish_together
    monkeypatch.setattr(
        stage.store.claims, "finish_together", lambda ends: stored.append(len(ends)) or one_command(ends)
    )
    supervisor = stage.supervisor()
    supervisor.on_run = busy

    def end_three() -> bool:
        """Return whether some of three cells were stored together: their ends may come to the device one by one."""
        ids = [submit(stage.store) for _ in range(3)]
        stage.play(lambda: {*ids} <= {run.computation for run in supervisor.frames(wire.Execute)})
        for run in supervisor.frames(wire.Execute)[-3:]:
            supervisor.output(run, printed(run.computation), REPLY, IDLE)
            supervisor.done(run)
        stage.play(lambda: all(stage.computation(id).over for id in ids))
        assert all(said(stage.store, id)[-3]["content"]["text"] == id for id in ids)
        assert {stage.computation(id).state for id in ids} == {"done"} and not stage.device.runs.by_id
        return max(stored, default=0) > 1

    assert any(end_three() for _ in range(20))


def test_a_round_does_not_go_through_the_sessions_that_rest(stage):
    stage.supervisor()
    alone = calls_in_a_round(stage)
    (account,) = stage.device.accounts
    for number in range(1000):
        session = Session(f"s{number}", account, "python", True, float("inf"), idle_since=float("inf"), ours=False)
        account.sessions[session.alias] = session
        stage.device.runs.kept.put(session)
    assert calls_in_a_round(stage) < 2 * alone + 500


def calls_in_a_round(stage):
    """Return how many functions of Python a round of the device calls, the one of several that calls fewest."""
    counts = []
    for _ in range(50):
        count = 0

        def see(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal count
            count += event == "call"

        sys.setprofile(see)
        try:
            stage.device.step()
        finally:
            sys.setprofile(None)
        counts.append(count)
        stage.round()
    return min(counts)
