"""Output that takes long to check is checked beside the loop: nobody else waits for it, and it has its budget."""

from __future__ import annotations

import os
import signal

import pytest

import wire
from device.checking import pool
from device.relay import LATE_FRAMES_MAX
from harness.processes import wait_for
from tests.device.stage.cells import busy, said, types
from tests.device.stage.scripted import BUSY, IDLE, INPUT, REPLY, RESULT, Scripted, message, printed
from tests.store.conftest import submit

SLOW = wire.Message(
    "display_data",
    b'{"data":{"text/plain":"x","application/json":[' + b"9e307," * 295_000 + b'0]},"metadata":{}}',
)
LONG = printed("x" * 100_000)


@pytest.fixture
def two(make_stage):
    """Return what begins two cells that do not end: (stage, supervisor, the first's Run, the second's)."""

    def begin(**changes):
        stage = make_stage(**changes)
        supervisor = stage.supervisor()
        supervisor.on_run = busy
        ids = [submit(stage.store) for _ in range(2)]
        stage.play(lambda: len(supervisor.frames(wire.Execute)) == 2)
        stage.play(lambda: all(stage.computation(id).sequence >= 1 for id in ids))
        return stage, supervisor, *supervisor.frames(wire.Execute)

    return begin


def end_well(supervisor: Scripted, run: wire.Execute) -> None:
    """Let a cell that is busy come to its end."""
    supervisor.output(run, RESULT, REPLY, IDLE)
    supervisor.done(run)


def stop_checker(stage, supervisor: Scripted, run: wire.Execute) -> int:
    """Let a cell say something that takes long to check, and stop the process that checks it; return the process."""
    supervisor.output(run, SLOW)
    stage.play(lambda: stage.device.checkers.busy, "a busy checker")
    (pid,) = stage.device.checkers.busy
    os.kill(pid, signal.SIGSTOP)
    return pid


def test_others_end_and_hearts_beat_while_a_sessions_output_is_checked(two, monkeypatch):
    monkeypatch.setattr(pool, "HANG_S", 100.0)
    stage, supervisor, slow, good = two(heartbeat_s=0.1, heartbeat_timeout_s=2.0, lease_s=2.4)
    pid = stop_checker(stage, supervisor, slow)
    for _ in range(6):
        supervisor.output(slow, SLOW)
    end_well(supervisor, good)
    assert stage.finish(good.computation).state == "done"
    connection = stage.device.accounts[0].connection
    pings = connection.pings
    stage.play(lambda: connection.pings > pings + 25)  # longer than a silence or a lease may last
    assert stage.finish(submit_another(stage, supervisor)).state == "done"
    end_well(supervisor, slow)
    assert stage.computation(slow.computation).state == "running"
    os.kill(pid, signal.SIGCONT)
    computation = stage.finish(slow.computation)
    assert (computation.state, computation.attempt) == ("done", 1)
    assert types(stage.store, slow.computation).count("display_data") == 7
    assert len(stage.site.started) == 1


def submit_another(stage, supervisor: Scripted) -> str:
    """Submit a cell that ends well."""
    supervisor.on_run = lambda supervisor, run: (supervisor.output(run, BUSY, INPUT), end_well(supervisor, run))
    return submit(stage.store)


def test_output_that_takes_longer_to_check_than_it_may_ends_its_cell_and_no_other(two):
    stage, supervisor, slow, good = two(check_cpu_s=0.2)
    supervisor.output(slow, *[SLOW] * 4)
    supervisor.output(slow, *[SLOW] * 4)
    for _ in range(LATE_FRAMES_MAX + 1):  # that wait behind it are not late
        supervisor.output(slow, printed("x"))
    computation = stage.finish(slow.computation)
    assert (computation.state, computation.reason, computation.attempt) == ("failed", "output", 1)
    said(stage.store, slow.computation)
    stage.play(lambda: supervisor.frames(wire.Close))
    assert [frame.session for frame in supervisor.frames(wire.Close)] == [slow.session]
    end_well(supervisor, good)
    assert stage.finish(good.computation).state == "done"
    assert stage.finish(submit_another(stage, supervisor)).state == "done"
    assert len(stage.site.started) == 1


def test_a_cell_whose_checker_is_killed_ends_and_is_not_tried_again(two):
    stage, supervisor, poisoned, good = two()
    pid = stop_checker(stage, supervisor, poisoned)
    os.kill(pid, signal.SIGKILL)
    computation = stage.finish(poisoned.computation)
    assert (computation.state, computation.reason, computation.attempt) == ("failed", "output", 1)
    said(stage.store, poisoned.computation)
    supervisor.output(good, *[LONG] * 7)
    end_well(supervisor, good)
    assert stage.finish(good.computation).state == "done"
    assert len(stage.site.started) == 1
    stage.play(lambda: len(list(stage.device.checkers.channels)) == pool.CHECKERS, "another checker")


def test_a_checker_that_hangs_is_killed_and_ends_its_cell_alone(two, monkeypatch):
    monkeypatch.setattr(pool, "HANG_S", 0.2)
    stage, supervisor, poisoned, good = two(check_cpu_s=0.1)
    pid = stop_checker(stage, supervisor, poisoned)
    assert stage.finish(poisoned.computation).reason == "output"
    stage.play(lambda: not os.path.exists(f"/proc/{pid}"), "the end of the checker")
    end_well(supervisor, good)
    assert stage.finish(good.computation).state == "done"


def test_a_checker_that_died_with_nothing_to_do_is_replaced_and_costs_nobody(two):
    stage, supervisor, one, other = two()
    for pid in stage.device.checkers.pids:
        os.kill(pid, signal.SIGKILL)  # and it may not have heard of it when it is given something
    for run in (one, other):
        supervisor.output(run, *[LONG] * 7)
        end_well(supervisor, run)
        assert stage.finish(run.computation).state == "done"


def test_checkers_leave_the_processor_to_the_loop_beside_them(two):
    stage, *_ = two()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    wait_for(lambda: all(os.getpriority(os.PRIO_PROCESS, pid) > own for pid in stage.device.checkers.pids))


def test_a_checker_ends_with_its_device(two):
    stage, *_ = two()
    pids = stage.device.checkers.pids
    stage.close()
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_what_follows_something_long_is_stored_behind_it(two, monkeypatch):
    stage, supervisor, run, _ = two()
    pid = stop_checker(stage, supervisor, run)
    supervisor.output(run, LONG)
    supervisor.output(run, printed("after"), RESULT)
    supervisor.say(wire.File(run.session, run.computation, "a.txt", 2, b"12", True))
    supervisor.output(run, printed("last"), REPLY, IDLE)
    supervisor.done(run)
    os.kill(pid, signal.SIGCONT)
    assert stage.finish(run.computation).state == "done"
    assert types(stage.store, run.computation) == [
        "status", "execute_input", "display_data", "stream", "execute_result", "stream", "display_data",
        "execute_reply", "status",
    ]  # fmt: skip
    text = said(stage.store, run.computation)[3]["content"]["text"]
    assert text == "x" * 100_000 + "after"
    assert stage.store.files.open(run.computation, "a.txt").read() == b"12"


def test_the_files_of_another_session_do_not_wait_for_what_is_checked(two):
    stage, supervisor, slow, good = two()
    pid = stop_checker(stage, supervisor, slow)
    for run, name in ((slow, "slow.txt"), (good, "good.txt")):
        for last in (False, True):
            supervisor.say(wire.File(run.session, run.computation, name, 2, b"1", last))
    end_well(supervisor, good)
    assert stage.finish(good.computation).state == "done"
    assert stage.store.files.open(good.computation, "good.txt").read() == b"11"
    os.kill(pid, signal.SIGCONT)
    end_well(supervisor, slow)
    assert stage.finish(slow.computation).state == "done"
    assert stage.store.files.open(slow.computation, "slow.txt").read() == b"11"


def test_a_frame_of_more_messages_than_a_supervisor_sends_ends_its_connection(two):
    stage, supervisor, flood, good = two()
    end_well(supervisor, good)
    assert stage.finish(good.computation).state == "done"
    tiny = b"\x82\xa8msg_type\xa6stream\xa7content\xc4\x00"
    frame = wire.encode(wire.Output(flood.session, flood.computation, []))[:-1]
    supervisor.say_bytes(frame + b"\xdd" + (300_000).to_bytes(4, "big") + tiny * 300_000)
    computation = stage.finish(flood.computation)
    assert (computation.state, computation.reason) == ("failed", "protocol")
    stage.play(lambda: len(stage.site.started) == 2)


def test_a_cancelled_cell_whose_output_is_checked_keeps_what_it_said(two):
    stage, supervisor, run, _ = two()
    pid = stop_checker(stage, supervisor, run)
    stage.store.computations.request_cancel(run.computation)
    stage.play(lambda: supervisor.frames(wire.Close))
    os.kill(pid, signal.SIGCONT)
    assert stage.finish(run.computation).state == "cancelled"
    assert types(stage.store, run.computation)[2:] == ["display_data", "error", "execute_reply", "status"]


@pytest.mark.parametrize(("data", "status"), [(b'{"text/plain":"' + b"x" * 100_000 + b'"}', "ok"), (b"1", "error")])
def test_a_long_introspection_reply_is_checked_apart(stage, data, status):
    supervisor = stage.supervisor()
    id = stage.store.introspections.put(None, "python", "inspect", "x", 1, 1)
    stage.play(lambda: supervisor.frames(wire.Introspect))
    (ask,) = supervisor.frames(wire.Introspect)
    content = b'{"status":"ok","found":true,"metadata":{"' + b" " * 10_000 + b'":1},"data":' + data + b"}"
    supervisor.say(wire.IntrospectReply(ask.request, "ok", content))
    stage.play(lambda: stage.store.introspections.reply_to(id))
    assert stage.store.introspections.reply_to(id).status == status


def test_what_a_message_is_does_not_depend_on_where_it_was_checked(two):
    stage, supervisor, long, short = two()
    data = {"text/plain": "é\\\n", "application/json": [1, 2.5, 10**25, 9e307, None, {"a": [[]]}]}
    shown = [message("display_data", {"data": data, "metadata": {"a": 1}}, metadata=b'{"b": 2}', buffers=[b"12"])]
    supervisor.output(long, *shown, LONG)
    supervisor.output(short, *shown)
    kept = []
    for run in (long, short):
        end_well(supervisor, run)
        stage.finish(run.computation)
        one = said(stage.store, run.computation)[2]
        kept.append({name: one[name] for name in ("content", "metadata", "buffers", "channel")})
    assert kept[0] == kept[1]
    assert kept[0]["content"]["data"] == data


@pytest.mark.parametrize("more", [lambda s, run: s.closed(run.session), lambda s, run: s.output(run, RESULT)])
def test_nothing_may_follow_the_end_of_a_session_that_waits_for_a_check(two, more):
    stage, supervisor, run, _ = two()
    pid = stop_checker(stage, supervisor, run)
    supervisor.closed(run.session, "memory")
    more(supervisor, run)
    stage.play(lambda: supervisor.ended, "the cut")
    os.kill(pid, signal.SIGCONT)
    assert stage.finish(run.computation).reason == "protocol"
    assert stage.finish(submit(stage.store)).state == "done"
