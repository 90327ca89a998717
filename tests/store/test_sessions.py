"""Sessions: turns in order, on one device, and an end that everybody sees."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from store import (
    Claim,
    OtherLanguageError,
    SessionGoneError,
    Store,
    StoreUnavailableError,
    Submission,
    UnknownSessionError,
    session_turns,
    submissions,
)
from tests import threads
from tests.store.conftest import (
    Connect,
    age,
    claim,
    database_of,
    let_lease_run_out,
    state_of,
    submit,
    try_claim,
)


def session_of(store: Store, id: str) -> str:
    """Return a computation's session."""
    computation = store.computations.get(id)
    assert computation is not None
    return computation.session


def state(store: Store, session: str) -> tuple[str, str | None]:
    """Return a session's state and reason."""
    found = store.sessions.get(session)
    assert found is not None
    return found.state, found.reason


def idle_session(store: Store, device: str = "device-1") -> str:
    """Return a session that a device holds and that is idle."""
    session = session_of(store, submit(store, keep=True))
    store.claims.finish(claim(store, device), "done")
    return session


@pytest.mark.parametrize("keep", [False, True])
def test_a_session_starts_is_busy_and_then_idle_or_gone(store: Store, keep: bool) -> None:
    id = submit(store, keep=keep)
    session = session_of(store, id)
    assert state(store, session) == ("starting", None)
    held = claim(store)
    assert state(store, session) == ("busy", None)
    store.claims.finish(held, "done")
    found = store.sessions.get(session)
    assert found and found.state == ("idle" if keep else "gone") and found.computations == [id]
    assert found.language == "python" and (found.expires is not None) == keep


def test_an_idle_session_expires_at_the_end_of_its_life_at_the_latest(connect: Connect) -> None:
    store = connect(session_idle_s=100.0, session_life_s=1000.0)
    session = idle_session(store)
    found = store.sessions.get(session)
    assert found and found.expires and found.expires - found.created > timedelta(seconds=99)
    age(store, "sessions", {"_id": session}, "created", 950)
    store.sessions.touch(session)
    found = store.sessions.get(session)
    assert found and found.expires and found.expires - found.created == timedelta(seconds=1000)


def test_turns_run_one_after_another_in_their_order(store: Store) -> None:
    session = idle_session(store)
    turns = [submit(store, keep=True, session=session) for _ in range(3)]
    for turn, id in enumerate(turns, 1):
        held = claim(store, sessions=(session,))
        assert (held.id, held.turn) == (id, turn)
        assert state(store, session)[0] == "busy"
        assert try_claim(store, sessions=(session,)) is None
        store.claims.finish(held, "done")
        assert state(store, session)[0] == "idle"
    assert store.sessions.get(session).computations[1:] == turns  # type: ignore[union-attr]


def test_turns_submitted_at_once_get_numbers_without_gaps(connect: Connect) -> None:
    store = connect()
    session = idle_session(store)

    def submit_some() -> None:
        own = connect()
        for _ in range(5):
            submit(own, keep=True, session=session)

    threads.run([threading.Thread(target=submit_some) for _ in range(4)])
    found = database_of(store).collection("computations").find({"session": session}).sort("turn")
    turns = [(turn["turn"], turn["submitted"]) for turn in found]
    assert [turn for turn, _ in turns] == list(range(21))
    assert sorted(turns, key=lambda turn: turn[1]) == turns


def test_a_turn_waits_for_the_first_one(store: Store) -> None:
    first = submit(store, keep=True)
    session = session_of(store, first)
    second = submit(store, keep=True, session=session)
    held = claim(store, sessions=(session,))
    assert held.id == first
    assert try_claim(store, sessions=(session,)) is None
    store.claims.finish(held, "done")
    assert claim(store, sessions=(session,)).id == second


def test_only_the_device_that_holds_a_session_gets_its_turns(store: Store) -> None:
    session = idle_session(store, "device-1")
    submit(store, keep=True, session=session)
    assert try_claim(store, "device-2", (session,)) is None
    assert try_claim(store, "device-1") is None
    assert claim(store, "device-1", (session,)).session == session


def test_turns_of_many_sessions_go_oldest_first_and_before_new_sessions(store: Store) -> None:
    sessions = tuple(idle_session(store) for _ in range(3))
    new = submit(store)
    ids = [submit(store, keep=True, session=session) for session in reversed(sessions)]
    assert [claim(store, sessions=sessions).id for _ in range(4)] == [*ids, new]


def test_a_session_that_is_not_kept_takes_no_turn(store: Store) -> None:
    session = session_of(store, submit(store))
    for _ in ("queued", "running", "over"):
        with pytest.raises(SessionGoneError):
            submit(store, session=session)
        if held := try_claim(store):
            store.claims.finish(held, "done")


def test_a_turn_that_does_not_keep_the_session_is_its_last(store: Store) -> None:
    session = idle_session(store)
    submit(store, session=session)
    with pytest.raises(SessionGoneError):
        submit(store, keep=True, session=session)
    store.claims.finish(claim(store, sessions=(session,)), "done")
    assert state(store, session) == ("gone", "session_gone")


def test_an_unknown_session_is_refused(store: Store) -> None:
    with pytest.raises(UnknownSessionError):
        submit(store, session="never")
    assert store.sessions.get("never") is None
    for act in (store.sessions.end, store.sessions.request_end, store.sessions.touch):
        act("never")
    assert store.sessions.get("never") is None


def test_the_end_of_a_session_fails_its_queued_turns(store: Store) -> None:
    session = idle_session(store)
    running = submit(store, keep=True, session=session)
    held = claim(store, sessions=(session,))
    queued = [submit(store, keep=True, session=session) for _ in range(3)]
    store.sessions.end(session, "memory")
    assert [state_of(store, id) for id in queued] == [("failed", "session_gone")] * 3
    assert state(store, session) == ("gone", "memory")
    store.claims.finish(held, "failed", "memory")
    assert state_of(store, running) == ("failed", "memory")
    assert state(store, session) == ("gone", "memory")
    store.sessions.end(session, "session_gone")
    assert state(store, session) == ("gone", "memory")
    with pytest.raises(SessionGoneError):
        submit(store, session=session)


def test_ending_a_session_is_a_wish_for_its_device(store: Store) -> None:
    session = idle_session(store)
    assert store.sessions.ending("device-1") == []
    store.sessions.request_end(session)
    assert store.sessions.ending("device-1") == [session] and store.sessions.ending("device-2") == []
    assert try_claim(store, sessions=(session,)) is None
    with pytest.raises(SessionGoneError):
        submit(store, keep=True, session=session)
    store.sessions.end(session, "cancelled")
    assert store.sessions.ending("device-1") == []


def test_ending_a_busy_session_asks_to_cancel_what_it_computes(store: Store) -> None:
    session = session_of(store, submit(store, keep=True))
    held = claim(store)
    store.sessions.request_end(session)
    assert store.claims.wishes([held])[0].cancel and store.sessions.ending("device-1") == [session]


@pytest.mark.parametrize("keep", [False, True])
def test_ending_a_session_that_has_not_started_cancels_its_turns(store: Store, keep: bool) -> None:
    id = submit(store, keep=keep)
    session = session_of(store, id)
    ids = [id, *([submit(store, keep=True, session=session)] if keep else [])]
    store.sessions.request_end(session)
    assert [state_of(store, id) for id in ids] == [("cancelled", "cancelled")] * len(ids)
    assert state(store, session) == ("gone", "cancelled") and try_claim(store) is None


def test_cancelling_the_first_turn_before_it_runs_ends_the_session(store: Store) -> None:
    first = submit(store, keep=True)
    session = session_of(store, first)
    second = submit(store, keep=True, session=session)
    store.computations.request_cancel(first)
    assert state_of(store, second) == ("failed", "session_gone") and state(store, session)[0] == "gone"


def test_cancelling_a_later_turn_leaves_the_session_alone(store: Store) -> None:
    session = idle_session(store)
    second, third = (submit(store, keep=True, session=session) for _ in range(2))
    store.computations.request_cancel(second)
    assert state(store, session)[0] == "idle" and claim(store, sessions=(session,)).id == third


def test_the_first_turn_of_a_dead_device_runs_again_and_the_others_wait_for_it(store: Store) -> None:
    first = submit(store, keep=True)
    session = session_of(store, first)
    second = submit(store, keep=True, session=session)
    claim(store, "device-1")
    let_lease_run_out(store, first)
    assert store.claims.expire() == [first]
    assert state(store, session) == ("starting", None)
    held = claim(store, "device-2")
    assert (held.id, held.attempt) == (first, 2)
    store.claims.finish(held, "done")
    assert claim(store, "device-2", (session,)).id == second


def test_a_later_turn_of_a_dead_device_fails_and_the_session_is_gone(store: Store) -> None:
    session = idle_session(store)
    second, third = (submit(store, keep=True, session=session) for _ in range(2))
    claim(store, sessions=(session,))
    let_lease_run_out(store, second)
    assert store.claims.expire() == [second]
    assert [state_of(store, id) for id in (second, third)] == [("failed", "session_gone")] * 2
    assert state(store, session) == ("gone", "session_gone")


def test_a_first_turn_that_is_lost_takes_its_session_along(connect: Connect) -> None:
    store = connect(attempts_max=1)
    first = submit(store, keep=True)
    session = session_of(store, first)
    second = submit(store, keep=True, session=session)
    claim(store)
    let_lease_run_out(store, first)
    store.claims.expire()
    assert state_of(store, first) == ("lost", "lost") and state_of(store, second) == ("failed", "session_gone")
    assert state(store, session) == ("gone", "lost")


def test_an_idle_session_of_a_silent_device_is_gone(store: Store) -> None:
    session = idle_session(store)
    store.claims.expire()
    assert state(store, session)[0] == "idle"
    age(store, "sessions", {"_id": session}, "used", 3600)
    store.devices.report("device-1", "host", {})
    store.claims.expire()
    assert state(store, session)[0] == "idle"
    age(store, "devices", {"_id": "device-1"}, "reported", 3600)
    store.claims.expire()
    assert state(store, session) == ("gone", "session_gone")


def test_a_long_computation_under_a_lease_keeps_its_session(store: Store) -> None:
    session = session_of(store, submit(store, keep=True))
    claim(store)
    age(store, "sessions", {"_id": session}, "used", 3600)
    store.claims.expire()
    assert state(store, session)[0] == "busy"


def test_a_first_turn_whose_session_ended_meanwhile_does_not_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    id = submit(store, keep=True)
    session = session_of(store, id)
    bind = store.sessions.bind

    def end_and_bind(claim: Claim) -> bool:
        """Bind the session, which ends between the claim and the binding."""
        store.sessions.end(session, "cancelled")
        return bind(claim)

    monkeypatch.setattr(store.sessions, "bind", end_and_bind)
    assert try_claim(store) is None
    assert state_of(store, id) == ("failed", "session_gone")


def test_a_session_hears_of_an_end_that_was_told_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_of(store, submit(store, keep=True))
    held = claim(store)
    with monkeypatch.context() as away:
        # MongoDB goes away between the end of the computation and that of the session's work.
        away.setattr(store.sessions, "unlock", unavailable)
        with pytest.raises(StoreUnavailableError):
            store.claims.finish(held, "done")
    assert state(store, session)[0] == "busy"
    store.claims.finish(held, "done")
    assert state(store, session)[0] == "idle"


def unavailable(*_: object) -> None:
    """Be away."""
    raise StoreUnavailableError("MongoDB does not answer")


def test_a_turn_whose_session_ends_meanwhile_fails_at_a_devices_next_look(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = idle_session(store)

    def end_meanwhile(_last: object) -> bool:
        """Say that the session lives on, which it does not any more when the turn is stored."""
        store.sessions.end(session, "session_gone")
        return True

    monkeypatch.setattr(submissions, "_lives_on", end_meanwhile)
    id = submit(store, keep=True, session=session)
    store.claims.expire()
    assert state_of(store, id) == ("failed", "session_gone")


def test_a_session_of_which_a_crash_forgot_that_it_is_idle_takes_its_next_turn(store: Store) -> None:
    session = idle_session(store)
    first, second = (submit(store, keep=True, session=session) for _ in range(2))
    sessions = database_of(store).collection("sessions")
    sessions.update_one({"_id": session}, {"$set": {"state": "busy"}})
    assert store.claims.claim_turn("device-1", session) is None  # somebody has locked it just now, as it looks
    age(store, "sessions", {"_id": session}, "used", 3600)
    turn = store.claims.claim_turn("device-1", session)
    assert turn is not None and turn.id == first
    age(store, "sessions", {"_id": session}, "used", 3600)
    assert store.claims.claim_turn("device-1", session) is None  # a turn runs in it
    store.claims.finish(turn, "done")
    assert state(store, session)[0] == "idle" and state_of(store, second)[0] == "queued"


def test_a_turn_speaks_the_language_of_its_session(store: Store) -> None:
    session = idle_session(store)
    assert store.computations.submit(Submission("1", None, session)).language == "python"
    with pytest.raises(OtherLanguageError, match="python"):
        store.computations.submit(Submission("1", "sage", session))


def test_what_a_session_has_run_is_told_up_to_a_bound_the_newest_first_of_all(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(session_turns, "CODES_CHARS_MAX", 20)
    session = session_of(store, submit(store, "a" * 10, keep=True))
    for code in ("b" * 9, "c" * 10):
        submit(store, code, session=session, keep=True)
    assert store.kernels.codes(session, 5) == [(1, "b" * 9), (2, "c" * 10)]
    assert store.kernels.codes(session, 1) == [(2, "c" * 10)]
    submit(store, "d", session=session, keep=True)
    assert store.kernels.codes(session, 5) == [(1, "b" * 9), (2, "c" * 10), (3, "d")]  # 20 characters
    submit(store, "e", session=session, keep=True)
    assert store.kernels.codes(session, 5) == [(2, "c" * 10), (3, "d"), (4, "e")]
