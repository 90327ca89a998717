"""A supervisor that says what it may not, or cannot start, is cut off alone, and the device connects again."""

from __future__ import annotations

import logging

import msgspec
import pytest

import wire
from device.relay import LATE_FRAMES_MAX
from tests.device.stage.cells import busy, said
from tests.device.stage.scripted import BUSY, IDLE, REPLY, RESULT, USAGE, WHOLE, Scripted, printed, run_well
from tests.store.conftest import submit


def _finished(s: Scripted, run: wire.Execute) -> None:
    s.output(run, *WHOLE[2:])
    s.say(wire.Finished(run.session, run.computation, "done", None, USAGE))


def _after_the_end(s: Scripted, run: wire.Execute) -> None:
    _finished(s, run)
    s._open -= 1
    s.say(wire.Closed(run.session, "session_gone"))
    s.output(run, printed("replayed"))


def _flood_after_the_end(s: Scripted, run: wire.Execute) -> None:
    _finished(s, run)
    for _ in range(LATE_FRAMES_MAX + 1):
        s.output(run, printed("replayed"))


FAULTS = {
    "bytes that are no frame": lambda s, run: s.say_bytes(b"\xc1no frame"),
    "a long frame that does not say first what it is": lambda s, run: s.say_bytes(
        msgspec.msgpack.encode({"messages": [{}] * wire.SHORT_FRAME_BYTES, "type": "output"})
    ),
    "a long frame that begins as output and is none": lambda s, run: s.say_bytes(
        wire.encode(wire.Output(run.session, run.computation, [printed("x" * 50_000)]))[:-1]
    ),
    "a frame of the other direction": lambda s, run: s.say(wire.Ping(1)),
    "a second Hello": lambda s, run: s.say(s.hello),
    "a language that it was not asked for": lambda s, run: s.say(
        wire.Languages([*s.hello.languages, wire.LanguageReport("cobol", "1", "ready")])
    ),
    "languages in which nothing is new": lambda s, run: s.say(wire.Languages(s.hello.languages)),
    "a version that cannot be shown": lambda s, run: s.say(
        wire.Languages([wire.LanguageReport("python", "\x1b[2J", "ready")])
    ),
    "a flood of languages": lambda s, run: [
        s.say(wire.Languages([wire.LanguageReport("python", str(number), "ready")]))
        for number in range(2 * wire.LANGUAGES_BURST)
    ],
    "credit beyond its workers": lambda s, run: s.say(wire.Credit(1000)),
    "credit that falls": lambda s, run: s.say(wire.Credit(0)),
    "a sign of life that nobody asked for": lambda s, run: s.say(wire.Pong(999, {})),
    "a pool of a language that there is not": lambda s, run: s.say(wire.Pong(1, {"x\n": 1})),
    "a pool of fewer than no workers": lambda s, run: s.say(wire.Pong(1, {"python": -1})),
    "a session that it was not given": lambda s, run: s.say(wire.Closed("f" * 36, "session_gone")),
    "a computation that is another's": lambda s, run: s.say(wire.Output(run.session, "f" * 36, [RESULT])),
    "output without messages": lambda s, run: s.output(run),
    "a replay after the end": _after_the_end,
    "more after the end than was on its way": _flood_after_the_end,
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
    "an impossible use of time": lambda s, run: s.say(
        wire.Finished(run.session, run.computation, "failed", "memory", wire.Usage(float("nan"), 0, 0))
    ),
    "a reason that is not its own": lambda s, run: s.say(
        wire.Finished(run.session, run.computation, "failed", "lost", USAGE)
    ),
    "an introspection reply to no request": lambda s, run: s.say(wire.IntrospectReply(7, "ok", b"{}")),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_supervisor_at_fault_is_cut_off_alone_and_the_device_connects_again(make_stage, what, caplog):
    stage = make_stage(untrusted_accounts=["a@good", "b@bad"], workers=4)
    good, bad = stage.supervisor("a@good"), stage.supervisor("b@bad")
    good.on_run = bad.on_run = busy
    ids = [submit(stage.store) for _ in range(2)]
    stage.play(lambda: good.frames(wire.Execute) and bad.frames(wire.Execute))
    stage.play(lambda: all(stage.computation(id).sequence >= 1 for id in ids))
    (fine,), (run,) = good.frames(wire.Execute), bad.frames(wire.Execute)
    FAULTS[what](bad, run)
    stage.play(lambda: bad.ended, "the cut")
    computation = stage.finish(run.computation)
    if FAULTS[what] not in (_after_the_end, _flood_after_the_end):
        assert (computation.state, computation.reason) == ("failed", "protocol")
    said(stage.store, run.computation)
    good.output(fine, RESULT, REPLY, IDLE)
    good.done(fine)
    assert stage.finish(fine.computation).state == "done"
    assert not good.ended
    stage.play(lambda: stage.device.accounts[1].state == "ready", "the next supervisor")
    assert len([line for line in caplog.messages if "broke the protocol" in line and "cut off:" in line]) == 1


def test_a_kept_session_has_nothing_to_say_between_two_computations(make_stage):
    stage = make_stage(untrusted_accounts=["a@good", "b@bad"], workers=2)
    good, bad = stage.supervisor("a@good"), stage.supervisor("b@bad")
    good.on_run = bad.on_run = busy
    ids = [submit(stage.store, keep=True) for _ in range(2)]
    stage.play(lambda: all(stage.computation(id).sequence >= 1 for id in ids))
    (run,) = bad.frames(wire.Execute)
    _finished(bad, run)
    assert stage.finish(run.computation).state == "done"
    bad.output(run, printed("replayed"))
    stage.play(lambda: bad.ended, "the cut")
    assert not good.ended


def test_a_session_of_another_account_cannot_be_named(make_stage):
    stage = make_stage(untrusted_accounts=["a@good", "b@bad"], workers=2)
    good, bad = stage.supervisor("a@good"), stage.supervisor("b@bad")
    good.on_run = bad.on_run = busy
    ids = [submit(stage.store) for _ in range(2)]
    stage.play(lambda: all(stage.computation(id).sequence >= 1 for id in ids))
    (fine,) = good.frames(wire.Execute)
    bad.say(wire.Closed(fine.session, "memory"))
    stage.play(lambda: bad.ended)
    assert stage.computation(fine.computation).state == "running"


def test_a_flood_is_cut_off_at_its_limit_and_the_other_account_goes_on(make_stage):
    stage = make_stage(untrusted_accounts=["a@good", "b@bad"], workers=2, cell_messages_max=500)
    good, bad = stage.supervisor("a@good"), stage.supervisor("b@bad")
    held = []  # so long that the other cell goes to the other account
    good.on_run = lambda _supervisor, run: held.append(run)

    def flood(supervisor, run):
        supervisor.output(run, BUSY)
        supervisor.flooding = run

    bad.on_run, bad.flooding, bad.closed = flood, None, lambda session, reason="": None
    ids = [submit(stage.store) for _ in range(2)]
    stage.play(lambda: bad.flooding and held)
    run_well(good, *held)

    def floods_on() -> bool:
        for _ in range(20):
            if not bad.ended:
                bad.output(bad.flooding, printed("x"))
        return bad.ended

    stage.play(floods_on, "the cut")
    assert {stage.finish(id).state for id in ids} == {"done", "failed"}
    assert stage.computation(bad.flooding.computation).reason == "output"


def test_a_supervisor_that_cannot_start_says_so_once_and_is_started_again(make_stage, caplog):
    stage = make_stage()
    stage.site.prepare = lambda supervisor: setattr(supervisor, "answer", {"error": "no layer\x1b[2J user"})
    with caplog.at_level(logging.INFO):
        stage.play(lambda: len(stage.site.started) == 4)
    assert [line for line in caplog.messages if "no layer" in line] == ["the child process: no layer?[2J user"]
    assert stage.device.accounts[0].state == "down"

    def sentences() -> list[str]:
        return [account["sentence"] for device in stage.store.devices.alive() for account in device["accounts"]]

    stage.play(lambda: any(sentence.endswith("no layer?[2J user") for sentence in sentences()))
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
