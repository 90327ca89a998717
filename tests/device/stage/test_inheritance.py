"""A device goes on with the kept sessions of one before it, and with its own when a connection was lost."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

import wire
from device.connect import address
from device.connect.address import identity
from store import Store
from tests.device.stage.cells import busy
from tests.device.stage.conftest import Stage
from tests.device.stage.scripted import Scripted
from tests.store.conftest import state_of, submit
from tests.store.test_sessions import session_of, state

MakeStage = Callable[..., Stage]


def keep(stage: Stage) -> tuple[str, str]:
    """Let a session be kept; return its name in the store and across the wall."""
    supervisor = stage.supervisor()
    id = submit(stage.store, keep=True)
    stage.finish(id)
    session = session_of(stage.store, id)
    stage.play(lambda: state(stage.store, session)[0] == "idle")
    return session, supervisor.frames(wire.Open)[-1].session


def die(stage: Stage) -> None:
    """End a device as SIGKILL does: it tells nobody."""
    stage.device.accounts[0].connection.close()
    for supervisor in stage.site.started:
        supervisor.close()
    stage.device.accounts[0].connection = None
    stage.device._wakeup.close()
    stage.device.checkers.close()
    stage._closed = True


def goes_on(supervisor: Scripted) -> None:
    """Let a supervisor be one that an earlier device left."""
    supervisor.inherits = True


def test_the_next_device_goes_on_with_a_kept_session(make_stage: MakeStage, store: Store) -> None:
    first = make_stage()
    session, alias = keep(first)
    running = submit(store, session=session, keep=True)
    first.site.newest().on_run = busy
    first.play(lambda: first.computation(running).sequence >= 1)
    waiting = submit(store, session=session, keep=True)
    die(first)
    second = make_stage()
    second.site.prepare = goes_on
    assert second.finish(waiting).state == "done"
    assert state_of(store, running) == ("lost", "lost")
    supervisor = second.site.newest()
    (asked,) = supervisor.start_config["inherits"]
    assert asked["sessions"] == [alias] and len(asked["key"]) == 64
    assert [run.computation for run in supervisor.frames(wire.Execute)] == [waiting]
    assert supervisor.frames(wire.Execute)[0].session == alias and not supervisor.frames(wire.Open)
    account = second.device.accounts[0]
    assert account.free == 4 - 1
    second.store.sessions.request_end(session)
    second.play(lambda: state(store, session)[0] == "gone")
    second.play(lambda: account.free == 4)


def test_two_devices_in_one_account_are_told_of_each_other(
    make_stage: MakeStage, caplog: pytest.LogCaptureFixture
) -> None:
    stages = [make_stage(), make_stage()]
    others = [stage.device.id for stage in reversed(stages)]
    told = [f"the child process: {other} runs cells in this account, too; each has workers of its" for other in others]
    for stage, sentence in zip(stages, told, strict=True):
        stage.play(lambda: ([one.round() for one in stages], sentence in caplog.text)[1])  # noqa: B023


def test_an_account_of_the_same_name_on_another_machine_is_another_one(
    make_stage: MakeStage, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_stage()
    session, _alias = keep(first)
    monkeypatch.setattr(address, "NETWORK", "/proc/self/ns/uts")  # as if this was another one's loopback
    second = make_stage()
    assert not second.supervisor().start_config["inherits"]
    first.play(lambda: (second.round(), len(store.devices.alive()) == 2)[1])
    assert not first.device._inheritance.is_succeeded() and not second.device._inheritance.is_succeeded()
    assert state(store, session)[0] == "idle"
    third = make_stage()
    third.supervisor()
    third.play(lambda: second.device._inheritance.is_succeeded())


def test_what_its_supervisor_has_no_more_is_gone(make_stage: MakeStage, store: Store) -> None:
    first = make_stage()
    session, alias = keep(first)
    die(first)
    second = make_stage()
    second.site.prepare = goes_on
    supervisor = second.supervisor()
    supervisor.closed(alias)
    second.play(lambda: state(store, session) == ("gone", "session_gone"))
    second.play(lambda: second.device.accounts[0].free == 4)


def test_a_connection_that_breaks_costs_no_session_that_rests(stage: Stage, store: Store) -> None:
    session, alias = keep(stage)
    stage.site.prepare = goes_on
    stage.site.newest().ended = True
    stage.play(lambda: len(stage.site.started) == 2)
    id = submit(store, session=session, keep=True)
    assert stage.finish(id).state == "done"
    (run,) = stage.site.newest().frames(wire.Execute)
    assert run.session == alias


def test_a_device_that_stood_still_sends_nothing_to_who_hung_up(
    make_stage: MakeStage, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = make_stage()
    session, alias = keep(stage)
    first = stage.site.newest()
    stage.site.prepare = goes_on
    # As under SIGSTOP: the clock went on without it, and meanwhile its supervisor hung up.
    clock, still_s = time.monotonic, 2 * stage.settings.heartbeat_timeout_s
    monkeypatch.setattr(time, "monotonic", lambda: clock() + still_s)
    first.close()
    id = submit(store, session=session, keep=True)
    assert stage.finish(id).state == "done"
    (run,) = stage.site.newest().frames(wire.Execute)
    assert run.session == alias and run.computation == id


def test_a_new_supervisor_after_a_connection_that_broke_ends_the_sessions(stage: Stage, store: Store) -> None:
    session, _alias = keep(stage)
    stage.site.newest().ended = True
    stage.play(lambda: state(store, session) == ("gone", "session_gone"))


def test_what_cannot_be_found_again_ends_after_its_grace(make_stage: MakeStage, store: Store) -> None:
    stage = make_stage(session_grace_s=0.5)
    session, _alias = keep(stage)

    def cannot_start(supervisor: Scripted) -> None:
        supervisor.answer = {"error": "not today"}

    stage.site.prepare = cannot_start
    stage.site.newest().ended = True
    stage.play(lambda: state(store, session) == ("gone", "session_gone"))


def test_a_supervisor_that_breaks_the_protocol_is_not_gone_on_with(stage: Stage, store: Store) -> None:
    session, _alias = keep(stage)
    supervisor = stage.site.newest()
    supervisor.say_bytes(b"\xc1no frame")
    stage.play(lambda: state(store, session)[0] == "gone")
    assert supervisor.told_to_end and not stage.store.inheritances.find(identity(""))


def test_a_device_that_hands_over_leaves_its_sessions_and_another_ends_them(
    make_stage: MakeStage, store: Store
) -> None:
    for leaves in (True, False):
        stage = make_stage()
        session, _alias = keep(stage)
        supervisor = stage.site.newest()
        stage.device._leaves = leaves
        stage.close()
        assert supervisor.told_to_end is not leaves
        assert state(store, session)[0] == ("idle" if leaves else "gone")
