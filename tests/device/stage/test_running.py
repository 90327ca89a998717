"""The device between a real store and scripted supervisors: what runs well."""

from __future__ import annotations

import io

import msgspec

import wire
from device.output_files import FILES_TYPE
from tests.device.stage.cells import nothing, said, types
from tests.device.stage.scripted import BUSY, IDLE, INPUT, REPLY, message, run_well
from tests.store.conftest import submit


def test_a_cell_runs_from_the_queue_to_its_end(stage):
    id = submit(stage.store, "2+0")
    computation = stage.finish(id)
    assert (computation.state, computation.reason) == ("done", None)
    assert computation.usage == {"wall_s": 0.1, "cpu_s": 0.05, "memory_bytes": 1000}
    assert types(stage.store, id) == ["status", "execute_input", "execute_result", "execute_reply", "status"]
    opened, run = stage.site.newest().heard[:2]
    assert (opened.language, run.code, run.stdin, run.last) == ("python", "2+0", True, True)
    assert opened.session == run.session


def test_the_untrusted_side_never_hears_the_name_that_browsers_know_a_session_by(stage):
    id = submit(stage.store)
    stage.finish(id)
    assert stage.computation(id).session not in {frame.session for frame in stage.site.newest().heard}


def test_uploads_go_before_the_cell_in_pieces(stage):
    data = bytes(range(256)) * (wire.CHUNK_BYTES // 256) + b"end"
    stage.finish(submit(stage.store, uploads=[("big", io.BytesIO(data)), ("empty", io.BytesIO())]))
    heard = stage.site.newest().heard
    pieces = [frame for frame in heard if isinstance(frame, wire.Upload)]
    assert [(piece.name, piece.last) for piece in pieces] == [("big", False), ("big", True), ("empty", True)]
    assert b"".join(piece.data for piece in pieces) == data
    assert isinstance(heard[-1], wire.Execute)


def test_files_are_stored_and_announced_before_the_reply(stage):
    def make_files(supervisor, run):
        supervisor.output(run, BUSY, INPUT)
        supervisor.say(wire.File(run.session, run.computation, "a.csv", 3, b"1,", False))
        supervisor.say(wire.File(run.session, run.computation, "a.csv", 3, b"2", True))
        supervisor.say(wire.File(run.session, run.computation, "bad\\name", 0, b"", True))
        supervisor.output(run, REPLY, IDLE)
        supervisor.done(run)

    stage.site.on_run = make_files
    id = submit(stage.store)
    assert stage.finish(id).state == "done"
    messages = said(stage.store, id)
    shown = [one["header"]["msg_type"] for one in messages]
    assert shown == ["status", "execute_input", "display_data", "stream", "execute_reply", "status"]
    files = [{"name": "a.csv", "size": 3, "type": "text/csv", "url": f"/files/{id}/a.csv"}]
    assert messages[2]["content"]["data"][FILES_TYPE] == {"files": files}
    assert "bad" in messages[3]["content"]["text"]
    assert stage.store.files.open(id, "a.csv").read() == b"1,2"


def test_a_kept_session_takes_its_turns_one_after_the_other(stage):
    first = submit(stage.store, keep=True)
    session = stage.computation(first).session
    second, third = submit(stage.store, session=session, keep=True), submit(stage.store, session=session)
    assert [stage.finish(id).state for id in (first, second, third)] == ["done"] * 3
    supervisor = stage.site.newest()
    assert len(supervisor.frames(wire.Open)) == 1
    assert [run.last for run in supervisor.frames(wire.Execute)] == [False, False, True]
    stage.play(lambda: stage.store.sessions.get(session).state == "gone")


def test_a_comm_message_is_delivered_and_ends_without_a_reply(stage):
    first = submit(stage.store, keep=True)
    stage.finish(first)
    supervisor = stage.site.newest()
    comm = {"msg_type": "comm_msg", "content": {"comm_id": "1", "data": {}}, "metadata": {}, "buffers": [b"\0"]}
    id = submit(stage.store, session=stage.computation(first).session, message=comm, keep=True)
    stage.play(lambda: supervisor.frames(wire.Deliver))
    (deliver,) = supervisor.frames(wire.Deliver)
    assert (deliver.msg_type, deliver.buffers) == ("comm_msg", [b"\0"])
    supervisor.output(deliver, BUSY, message("comm_msg", {"comm_id": "1", "data": {}}), IDLE)
    supervisor.done(deliver)
    assert stage.finish(id).state == "done"
    assert types(stage.store, id) == ["status", "comm_msg", "status"]


def test_two_accounts_share_the_work_and_one_that_is_away_costs_nothing(make_stage):
    stage = make_stage(untrusted_accounts=["a@one", "b@two", "c@away"], workers=6)
    stage.site.prepare = lambda supervisor: setattr(
        supervisor, "answer", {"error": "no layer user"} if supervisor.account == "c@away" else None
    )
    stage.supervisor("a@one"), stage.supervisor("b@two")
    stage.site.newest("a@one").on_run = stage.site.newest("b@two").on_run = nothing
    for _ in range(4):
        submit(stage.store)
    runs = [stage.site.newest(name).frames for name in ("a@one", "b@two")]
    stage.play(lambda: [len(frames(wire.Execute)) for frames in runs] == [2, 2])
    away = stage.device.accounts[2].report()
    assert (away["state"], away["sentence"]) == ("down", "c@away: no layer user")


def test_no_more_sessions_are_opened_than_there_is_credit(make_stage):
    stage = make_stage(workers=2, session_idle_gives_way=False)
    supervisor = stage.supervisor()
    supervisor.on_run = nothing
    ids = [submit(stage.store) for _ in range(3)]
    stage.play(lambda: len(supervisor.frames(wire.Execute)) == 2)
    for _ in range(20):
        stage.round()
    assert len(supervisor.frames(wire.Open)) == 2
    supervisor.on_run = run_well
    for run in supervisor.frames(wire.Execute):
        run_well(supervisor, run)
    assert {stage.finish(id).state for id in ids} == {"done"}


def test_the_longest_idle_session_gives_way_when_others_wait(make_stage):
    stage = make_stage(workers=2)
    kept = [submit(stage.store, keep=True) for _ in range(2)]
    for id in kept:
        stage.finish(id)
    assert stage.finish(submit(stage.store)).state == "done"
    states = [stage.store.sessions.get(stage.computation(id).session).state for id in kept]
    stage.play(lambda: stage.store.sessions.get(stage.computation(kept[0]).session).state == "gone")
    assert states[1] == "idle"


def test_an_idle_session_ends_after_its_time(make_stage):
    stage = make_stage(session_idle_s=0.1)
    id = submit(stage.store, keep=True)
    stage.finish(id)
    stage.play(lambda: stage.store.sessions.get(stage.computation(id).session).state == "gone")
    stage.play(lambda: len(stage.site.newest().frames(wire.Close)) == 1)


def test_introspection_is_answered_from_sessions_and_from_a_fresh_namespace(stage):
    id = submit(stage.store, keep=True)
    stage.finish(id)
    session = stage.computation(id).session
    supervisor = stage.site.newest()
    content = b'{"status": "ok", "found": false, "data": {}, "metadata": {}}'
    asked = [stage.store.introspections.put(of, "python", "inspect", "x", 1, 1) for of in (session, None)]
    stage.play(lambda: len(supervisor.frames(wire.Introspect)) == 2)
    first, second = supervisor.frames(wire.Introspect)
    assert (first.session == "", second.session == "") == (False, True)
    supervisor.say(wire.IntrospectReply(first.request, "ok", content))
    supervisor.say(wire.IntrospectReply(second.request, "ok", b"[1]"))
    stage.play(lambda: all(map(stage.store.introspections.reply_to, asked)))
    answers = [stage.store.introspections.reply_to(id) for id in asked]
    assert [answer.status for answer in answers] == ["ok", "error"]
    assert msgspec.json.decode(answers[0].content) == msgspec.json.decode(content)


def test_what_is_submitted_is_claimed_by_its_hint_and_not_by_the_next_look(make_stage):
    stage = make_stage(poll_interval_s=600.0)  # a hint that is missed is not made up for
    stage.listen()
    for _ in range(50):
        assert stage.finish(submit(stage.store)).state == "done"


def test_a_turn_is_claimed_by_its_hint_or_when_its_session_has_become_idle(make_stage):
    stage = make_stage(poll_interval_s=600.0)
    stage.listen()
    session = stage.finish(submit(stage.store, keep=True)).session
    for _ in range(5):
        assert stage.finish(submit(stage.store, session=session, keep=True)).state == "done"
    # The hint of the second comes while the first one runs.
    both = [submit(stage.store, session=session, keep=True) for _ in range(2)]
    assert [stage.finish(id).state for id in both] == ["done"] * 2


def test_a_cell_that_waits_for_room_begins_when_an_idle_session_has_given_way_to_it(make_stage):
    stage = make_stage(poll_interval_s=600.0, workers=1)
    stage.listen()
    session = stage.finish(submit(stage.store, keep=True)).session
    assert stage.finish(submit(stage.store)).state == "done"
    stage.play(lambda: stage.store.sessions.get(session).state == "gone")
