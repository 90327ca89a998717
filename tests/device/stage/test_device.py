"""The device between a real store and scripted supervisors: what runs well, and what comes of everything else."""

from __future__ import annotations

import io
import json
import logging
import time

import msgspec
import pytest

import wire
from device.incoming import FILES_TYPE
from store import Store, Submission
from tests.device.stage.scripted import (
    BUSY,
    IDLE,
    INPUT,
    QUESTION,
    REPLY,
    RESULT,
    USAGE,
    WHOLE,
    Scripted,
    message,
    printed,
    run_well,
)
from tests.messages import validate_message
from tests.store.conftest import let_lease_run_out


def submit(store: Store, code: str = "1+1", **fields) -> str:
    """Submit a computation."""
    return store.computations.submit(Submission(code, "python", **fields)).id


def said(store: Store, id: str) -> list[dict]:
    """Return the messages of a computation, having checked each, and that they are whole when it is over."""
    texts, computation = store.messages.after(id, -1)
    messages = [json.loads(text) for text in texts]
    assert [one["sequence"] for one in messages] == list(range(len(messages)))
    for one in messages:
        validate_message(one["header"]["msg_type"], one["content"])
    if computation.over:
        assert messages[-1]["content"] == {"execution_state": "idle"}
    return messages


def types(store: Store, id: str) -> list[str]:
    """Return the types of a computation's messages."""
    return [one["header"]["msg_type"] for one in said(store, id)]


def nothing(supervisor: Scripted, run: wire.Run) -> None:
    """Play a cell that says nothing and does not end."""


def busy(supervisor: Scripted, run: wire.Run) -> None:
    """Play a cell that has begun and does not end."""
    supervisor.output(run, BUSY, INPUT)


@pytest.fixture
def running(stage):
    """Return what submits a cell that begins and does not end: (supervisor, its Run frame, id)."""

    def begin(**fields):
        supervisor = stage.supervisor()
        supervisor.on_run = busy
        id = submit(stage.store, **fields)
        stage.play(lambda: stage.computation(id).sequence >= 1)
        return supervisor, supervisor.frames(wire.Run)[-1], id

    return begin


# --- what runs well -------------------------------------------------------------------------------------------------
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
    assert isinstance(heard[-1], wire.Run)


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
    assert [run.last for run in supervisor.frames(wire.Run)] == [False, False, True]
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
    stage.play(lambda: [len(frames(wire.Run)) for frames in runs] == [2, 2])
    away = stage.device.accounts[2].report()
    assert (away["state"], away["sentence"]) == ("down", "c@away: no layer user")


def test_no_more_sessions_are_opened_than_there_is_credit(make_stage):
    stage = make_stage(workers=2, session_idle_gives_way=False)
    supervisor = stage.supervisor()
    supervisor.on_run = nothing
    ids = [submit(stage.store) for _ in range(3)]
    stage.play(lambda: len(supervisor.frames(wire.Run)) == 2)
    for _ in range(20):
        stage.round()
    assert len(supervisor.frames(wire.Open)) == 2
    supervisor.on_run = run_well
    for run in supervisor.frames(wire.Run):
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
    assert len(stage.site.newest().frames(wire.Close)) == 1


def test_questions_are_answered_from_sessions_and_from_a_fresh_namespace(stage):
    id = submit(stage.store, keep=True)
    stage.finish(id)
    session = stage.computation(id).session
    supervisor = stage.site.newest()
    content = b'{"status": "ok", "found": false, "data": {}, "metadata": {}}'
    asked = [stage.store.questions.put(of, "python", "inspect", "x", 1, 1) for of in (session, None)]
    stage.play(lambda: len(supervisor.frames(wire.Ask)) == 2)
    first, second = supervisor.frames(wire.Ask)
    assert (first.session == "", second.session == "") == (False, True)
    supervisor.say(wire.Answered(first.request, "ok", content), wire.Answered(second.request, "ok", b"[1]"))
    stage.play(lambda: all(map(stage.store.questions.answer_of, asked)))
    answers = [stage.store.questions.answer_of(id) for id in asked]
    assert [answer.status for answer in answers] == ["ok", "error"]
    assert msgspec.json.decode(answers[0].content) == msgspec.json.decode(content)


# --- what clients wish ----------------------------------------------------------------------------------------------
def test_interrupts_and_answers_are_passed_on_once_each(stage, running):
    supervisor, run, id = running()
    supervisor.output(run, QUESTION)
    stage.play(lambda: stage.computation(id).asking)
    stage.store.computations.answer(id, "42")
    stage.store.computations.request_interrupt(id)
    stage.store.computations.request_interrupt(id)
    stage.play(lambda: len(supervisor.frames(wire.Interrupt)) == 2 and supervisor.frames(wire.Answer))
    assert supervisor.frames(wire.Answer) == [wire.Answer(run.session, id, "42")]
    supervisor.output(run, RESULT, REPLY, IDLE)
    supervisor.done(run)
    assert stage.finish(id).state == "done"


def test_a_cancelled_cell_is_killed_and_keeps_what_it_said(stage, running):
    supervisor, run, id = running()
    supervisor.output(run, printed("so far"))
    stage.store.computations.request_cancel(id)
    computation = stage.finish(id)
    assert (computation.state, computation.reason) == ("cancelled", "cancelled")
    assert [frame.session for frame in supervisor.frames(wire.Close)] == [run.session]
    assert types(stage.store, id)[2:] == ["stream", "error", "execute_reply", "status"]


def test_an_interrupt_that_ends_in_a_kill_is_a_cancellation(stage, running):
    supervisor, run, id = running()
    stage.store.computations.request_interrupt(id)
    stage.play(lambda: supervisor.frames(wire.Interrupt))
    supervisor.failed(run, "cancelled")
    assert stage.finish(id).state == "cancelled"


def test_ending_a_session_ends_what_runs_in_it(stage, running):
    _supervisor, _run, id = running(keep=True)
    session = stage.computation(id).session
    stage.store.sessions.request_end(session)
    assert stage.finish(id).state == "cancelled"
    stage.play(lambda: stage.store.sessions.get(session).state == "gone")
    assert stage.store.sessions.get(session).reason == "cancelled"


# --- ends that nobody wished ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("reason", ["time_wall", "time_cpu", "memory", "processes", "output", "files", "kernel_died"])
def test_a_limit_that_the_supervisor_saw_ends_the_cell_with_its_sentence(stage, running, reason):
    supervisor, run, id = running()
    supervisor.failed(run, reason)
    computation = stage.finish(id)
    assert (computation.state, computation.reason) == ("failed", reason)
    assert types(stage.store, id)[2:] == ["error", "execute_reply", "status"]


def test_a_kernel_that_died_before_the_cell_began_costs_a_second_attempt(stage):
    supervisor = stage.supervisor()
    supervisor.on_run = lambda supervisor, run: supervisor.failed(run, "kernel_died")
    id = submit(stage.store)
    stage.play(lambda: supervisor.frames(wire.Run))
    supervisor.on_run = run_well
    computation = stage.finish(id)
    assert (computation.state, computation.attempt) == ("done", 2)
    assert types(stage.store, id)[:2] == ["status", "clear_output"]


def test_a_cell_whose_machinery_dies_every_time_is_lost_with_a_sentence(stage):
    stage.site.on_run = lambda supervisor, run: supervisor.failed(run, "kernel_died")
    id = submit(stage.store)
    computation = stage.finish(id)
    assert (computation.state, computation.reason, computation.attempt) == ("lost", "lost", 2)
    assert "error" in types(stage.store, id)


def test_the_next_turn_of_a_dead_session_has_a_reason_of_its_own(stage):
    first = submit(stage.store, keep=True)
    stage.finish(first)
    supervisor = stage.site.newest()
    supervisor.on_run = lambda supervisor, run: supervisor.closed(run.session, "memory")
    id = submit(stage.store, session=stage.computation(first).session, keep=True)
    assert stage.finish(id).reason == "session_gone"


def test_a_cell_that_the_supervisor_lets_run_for_ever_is_ended_from_here(make_stage):
    stage = make_stage(cell_wall_s=0.1, cell_interrupt_grace_s=0.1, heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    stage.site.on_run = busy
    id = submit(stage.store)
    computation = stage.finish(id)
    assert (computation.state, computation.reason) == ("failed", "time_wall")
    assert stage.site.newest().frames(wire.Close)


def test_a_supervisor_that_dies_gives_back_what_ran_and_is_started_again(stage, running):
    supervisor, _run, id = running()
    stage.site.on_run = run_well
    supervisor.ended = True
    computation = stage.finish(id)
    assert (computation.state, computation.attempt) == ("done", 2)
    assert types(stage.store, id)[:4] == ["status", "execute_input", "status", "clear_output"]
    assert len(stage.site.started) == 2


def test_a_session_that_dies_with_its_supervisor_is_gone_and_its_turn_fails(stage):
    first = submit(stage.store, keep=True)
    stage.finish(first)
    supervisor, session = stage.site.newest(), stage.computation(first).session
    supervisor.on_run = busy
    turn, waiting = submit(stage.store, session=session, keep=True), submit(stage.store, session=session)
    stage.play(lambda: stage.computation(turn).sequence >= 1)
    supervisor.ended = True
    assert stage.finish(turn).reason == "session_gone"
    assert stage.computation(waiting).over or stage.finish(waiting).reason == "session_gone"
    stage.play(lambda: stage.store.sessions.get(session).state == "gone")


def test_the_first_turn_of_a_kept_session_is_tried_again_with_its_session(stage, running):
    supervisor, _run, id = running(keep=True)
    stage.site.on_run = run_well
    supervisor.ended = True
    computation = stage.finish(id)
    assert (computation.state, computation.attempt) == ("done", 2)
    assert stage.store.sessions.get(computation.session).state == "idle"
    again = submit(stage.store, session=computation.session, keep=True)
    assert stage.finish(again).state == "done"


def test_a_silent_supervisor_is_given_up_and_its_cells_run_elsewhere(make_stage):
    stage = make_stage(heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    supervisor = stage.supervisor()
    supervisor.on_run = busy
    id = submit(stage.store)
    stage.play(lambda: stage.computation(id).sequence >= 1)
    supervisor.mute = True
    stage.play(lambda: len(stage.site.started) == 2)
    assert supervisor.ended
    assert stage.finish(id).state == "done"


def test_a_supervisor_that_stalls_in_the_middle_of_a_frame_is_silent(make_stage):
    stage = make_stage(heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    stage.site.prepare = lambda supervisor: setattr(supervisor, "mute", True)
    stage.play(lambda: len(stage.site.started) == 2)
    assert "does not answer" in stage.device.accounts[0].sentence


def test_a_session_that_is_not_closed_when_it_should_be_costs_the_supervisor_its_connection(make_stage):
    stage = make_stage(heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    supervisor = stage.supervisor()
    supervisor.on_run = busy
    supervisor.closed = lambda session, reason="": None
    id = submit(stage.store)
    stage.play(lambda: stage.computation(id).sequence >= 1)
    stage.store.computations.request_cancel(id)
    assert stage.finish(id).state == "cancelled"
    assert supervisor.ended


def test_a_lost_claim_kills_the_session_and_writes_nothing_more(stage, running):
    supervisor, run, id = running()
    let_lease_run_out(stage.store, id)
    stage.store.computations.expire()
    other = stage.store.computations.claim("other", languages=["python"], sessions=[], new_sessions=True)
    assert other.id == id
    supervisor.output(run, printed("too late"))
    stage.play(lambda: supervisor.frames(wire.Close))
    assert [frame.session for frame in supervisor.frames(wire.Close)] == [run.session]
    assert types(stage.store, id) == ["status", "execute_input"]
    assert id not in stage.device.ledger.runs
    stage.store.computations.finish(other, "done")


def test_a_computation_that_comes_back_to_the_same_device_is_not_mixed_up_with_its_first_attempt(stage, running):
    supervisor, first, id = running()
    supervisor.closed = lambda session, reason="": None
    let_lease_run_out(stage.store, id)
    stage.store.computations.expire()
    stage.play(lambda: len(supervisor.frames(wire.Run)) == 2 and supervisor.frames(wire.Close))
    second = supervisor.frames(wire.Run)[1]
    assert first.session != second.session
    supervisor.output(first, printed("from the first"))
    supervisor.output(second, printed("from the second"))
    supervisor.output(second, REPLY, IDLE)
    supervisor.done(second)
    assert stage.finish(id).attempt == 2
    texts = [one["content"].get("text") for one in said(stage.store, id)]
    assert "from the second" in texts
    assert "from the first" not in texts


# --- code that talks nonsense ---------------------------------------------------------------------------------------
IMPROPER = {
    "no JSON": ([wire.Message("stream", b"{")], "protocol"),
    "an unknown type": ([message("debug_event", {})], "protocol"),
    "a second busy": ([BUSY], "protocol"),
    "something after idle": ([REPLY, IDLE, printed("x")], "protocol"),
    "too much": ([printed("x" * 30_000)], "output"),
}


@pytest.mark.parametrize("what", IMPROPER)
def test_what_code_makes_its_kernel_say_ends_its_session_and_no_other(make_stage, what):
    stage = make_stage(cell_output_bytes_max=10_000)
    supervisor = stage.supervisor()
    supervisor.on_run = busy
    good, bad = submit(stage.store), submit(stage.store)
    stage.play(lambda: len(supervisor.frames(wire.Run)) == 2)
    runs = {run.computation: run for run in supervisor.frames(wire.Run)}
    messages, reason = IMPROPER[what]
    supervisor.output(runs[bad], *messages)
    supervisor.output(runs[bad], printed("still on its way"))
    computation = stage.finish(bad)
    assert (computation.state, computation.reason) == ("failed", reason)
    said(stage.store, bad)
    supervisor.output(runs[good], RESULT, REPLY, IDLE)
    supervisor.done(runs[good])
    assert stage.finish(good).state == "done"
    assert len(stage.site.started) == 1


def test_a_cell_that_claims_its_end_without_saying_idle_is_closed(stage, running):
    supervisor, run, id = running()
    supervisor.done(run)
    computation = stage.finish(id)
    assert (computation.state, computation.reason) == ("failed", "protocol")
    said(stage.store, id)


# --- supervisors that talk nonsense ---------------------------------------------------------------------------------
def _after_the_end(s: Scripted, run: wire.Run) -> None:
    s.output(run, *WHOLE[2:])
    s.say(wire.Finished(run.session, run.computation, "done", None, USAGE))
    s._open -= 1
    s.say(wire.Closed(run.session, "session_gone"))
    s.output(run, printed("replayed"))


NONSENSE = {
    "bytes that are no frame": lambda s, run: s.say_bytes(b"\xc1nonsense"),
    "a frame of the other direction": lambda s, run: s.say(wire.Ping(1)),
    "a second greeting": lambda s, run: s.say(s.hello),
    "credit beyond its workers": lambda s, run: s.say(wire.Credit(1000)),
    "credit that falls": lambda s, run: s.say(wire.Credit(0)),
    "a sign of life that nobody asked for": lambda s, run: s.say(wire.Pong(999)),
    "a session that it was not given": lambda s, run: s.say(wire.Closed("f" * 36, "session_gone")),
    "a computation that is another's": lambda s, run: s.say(wire.Output(run.session, "f" * 36, [RESULT])),
    "output without messages": lambda s, run: s.output(run),
    "a replay after the end": _after_the_end,
    "a file that lies about its size": lambda s, run: s.say(
        wire.File(run.session, run.computation, "a", 5, b"123456", False)
    ),
    "a reply in the middle of a file": lambda s, run: (
        s.say(wire.File(run.session, run.computation, "a", 5, b"1", False)),
        s.output(run, REPLY),
    ),
    "an end that is done and failed": lambda s, run: s.say(
        wire.Finished(run.session, run.computation, "done", "memory", USAGE)
    ),
    "a use of time that is none": lambda s, run: s.say(
        wire.Finished(run.session, run.computation, "failed", "memory", wire.Usage(float("nan"), 0, 0))
    ),
    "a reason that is not its own": lambda s, run: s.say(
        wire.Finished(run.session, run.computation, "failed", "lost", USAGE)
    ),
    "an answer to no question": lambda s, run: s.say(wire.Answered(7, "ok", b"{}")),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_a_supervisor_that_talks_nonsense_is_cut_off_alone_and_dialled_again(make_stage, what, caplog):
    stage = make_stage(untrusted_accounts=["a@good", "b@bad"], workers=4)
    good, bad = stage.supervisor("a@good"), stage.supervisor("b@bad")
    good.on_run = bad.on_run = busy
    ids = [submit(stage.store) for _ in range(2)]
    stage.play(lambda: good.frames(wire.Run) and bad.frames(wire.Run))
    stage.play(lambda: all(stage.computation(id).sequence >= 1 for id in ids))
    (fine,), (run,) = good.frames(wire.Run), bad.frames(wire.Run)
    NONSENSE[what](bad, run)
    stage.play(lambda: bad.ended, "the cut")
    computation = stage.finish(run.computation)
    if what != "a replay after the end":
        assert (computation.state, computation.reason) == ("failed", "protocol")
    said(stage.store, run.computation)
    good.output(fine, RESULT, REPLY, IDLE)
    good.done(fine)
    assert stage.finish(fine.computation).state == "done"
    assert not good.ended
    stage.play(lambda: stage.device.accounts[1].state == "ready", "the next supervisor")
    assert len([line for line in caplog.messages if "nonsense" in line and "cut off:" in line]) == 1


def test_a_session_of_another_account_cannot_be_named(make_stage):
    stage = make_stage(untrusted_accounts=["a@good", "b@bad"], workers=2)
    good, bad = stage.supervisor("a@good"), stage.supervisor("b@bad")
    good.on_run = bad.on_run = busy
    ids = [submit(stage.store) for _ in range(2)]
    stage.play(lambda: all(stage.computation(id).sequence >= 1 for id in ids))
    (fine,) = good.frames(wire.Run)
    bad.say(wire.Closed(fine.session, "memory"))
    stage.play(lambda: bad.ended)
    assert stage.computation(fine.computation).state == "running"


def test_a_flood_is_cut_off_at_its_limit_and_the_other_account_goes_on(make_stage):
    stage = make_stage(untrusted_accounts=["a@good", "b@bad"], workers=2, cell_messages_max=500)
    good, bad = stage.supervisor("a@good"), stage.supervisor("b@bad")
    good.on_run = run_well

    def flood(supervisor, run):
        supervisor.output(run, BUSY)
        supervisor.flooding = run

    bad.on_run, bad.flooding, bad.closed = flood, None, lambda session, reason="": None
    ids = [submit(stage.store) for _ in range(2)]
    stage.play(lambda: bad.flooding)

    def floods_on() -> bool:
        for _ in range(20):
            if not bad.ended:
                bad.output(bad.flooding, printed("x"))
        return bad.ended

    stage.play(floods_on, "the cut")
    assert {stage.finish(id).state for id in ids} == {"done", "failed"}
    assert stage.computation(bad.flooding.computation).reason == "output"


def test_a_supervisor_that_cannot_start_says_so_once_and_is_asked_again_after_longer_and_longer_pauses(
    make_stage, caplog
):
    stage = make_stage()
    stage.site.prepare = lambda supervisor: setattr(supervisor, "answer", {"error": "no layer\x1b[2J user"})
    with caplog.at_level(logging.INFO):
        stage.play(lambda: len(stage.site.started) == 4)
    assert [line for line in caplog.messages if "no layer" in line] == ["the child process: no layer?[2J user"]
    assert stage.device.accounts[0].state == "down"
    stage.play(lambda: stage.store.devices.alive())
    stage.play(lambda: stage.store.devices.alive()[0]["accounts"][0]["sentence"].endswith("no layer?[2J user"))
    id = submit(stage.store)
    stage.site.prepare = lambda supervisor: None
    assert stage.finish(id).state == "done"


@pytest.mark.parametrize("answer", [{"listening": 1}, {}, [], {"error": 5}, "x"])
def test_an_answer_that_is_none_is_a_sentence(stage, answer):
    stage.site.prepare = lambda supervisor: setattr(supervisor, "answer", answer)
    stage.play(lambda: stage.device.accounts[0].state == "down")
    assert "no answer" in stage.device.accounts[0].sentence


def test_a_port_that_is_taken_is_not_the_end(make_stage):
    stage = make_stage()
    tries = []

    def taken_twice(supervisor):
        tries.append(supervisor)
        supervisor.answer = {"error": "port 1 of 127.0.0.1 is not free"} if len(tries) < 3 else None

    stage.site.prepare = taken_twice
    stage.supervisor()
    assert len(tries) == 3


# --- the end of the device ------------------------------------------------------------------------------------------
def test_a_device_that_stops_hands_back_what_ran_and_ends_its_supervisors(stage, running):
    supervisor, _run, id = running()
    done = submit(stage.store, keep=True)
    stage.site.newest().on_run = run_well
    stage.finish(done)
    stage.close()
    assert supervisor.ended
    computation = stage.computation(id)
    assert (computation.state, computation.attempt) == ("queued", 2)
    assert stage.store.sessions.get(stage.computation(done).session).state == "gone"


def test_a_device_that_stops_while_a_first_turn_of_a_kept_session_runs_leaves_the_session_to_the_next(
    stage, running, make_stage
):
    _supervisor, _run, id = running(keep=True)
    stage.close()
    other = make_stage()
    assert other.finish(id).state == "done"


def test_what_moves_is_one_line_in_the_log_and_no_code_or_output_is(stage, caplog):
    with caplog.at_level(logging.INFO):
        id = submit(stage.store, "SECRET_CODE = 1")
        stage.site.on_run = lambda supervisor, run: (
            supervisor.output(run, BUSY, INPUT, printed("SECRET_OUTPUT"), REPLY, IDLE),
            supervisor.done(run),
        )
        stage.finish(id)
    moves = [line for line in caplog.messages if id in line]
    assert [line.split()[1] for line in moves] == ["queued→running", "running→done"]
    assert "SECRET" not in caplog.text


def test_the_end_of_a_session_may_wait_behind_the_files_of_another(make_stage):
    stage = make_stage(heartbeat_s=0.05, heartbeat_timeout_s=0.4)
    supervisor = stage.supervisor()
    supervisor.on_run = busy
    ids = [submit(stage.store) for _ in range(2)]
    stage.play(lambda: len(supervisor.frames(wire.Run)) == 2)
    slow, waiting = supervisor.frames(wire.Run)
    closed, supervisor.closed = supervisor.closed, lambda session, reason="": None
    stage.store.computations.request_cancel(waiting.computation)
    stage.play(lambda: supervisor.frames(wire.Close))
    pieces, until = 0, time.monotonic() + 3 * stage.settings.heartbeat_timeout_s
    while time.monotonic() < until:
        supervisor.say(wire.File(slow.session, slow.computation, "big", 1 << 20, b"x", False))
        pieces += 1
        stage.round()
    assert not supervisor.ended
    supervisor.closed = closed
    closed(waiting.session, "cancelled")
    rest = (1 << 20) - pieces
    while rest:
        data = bytes(min(rest, wire.CHUNK_BYTES))
        rest -= len(data)
        supervisor.say(wire.File(slow.session, slow.computation, "big", 1 << 20, data, not rest))
    supervisor.output(slow, REPLY, IDLE)
    supervisor.done(slow)
    assert sorted(stage.finish(id).state for id in ids) == ["cancelled", "done"]
