"""A kept session goes from a device that has gone to the next one, and only one of them can have it."""

from __future__ import annotations

import json

import pytest

from store import Claim, Location, LostClaimError, Store
from tests.store.conftest import age, claim, state_of, submit, try_claim
from tests.store.test_sessions import session_of, state

HERE = Location("untrusted@here", "alias", "key", "client")


def held_session(store: Store, location: Location = HERE, device: str = "old") -> str:
    """Return a session that a device holds at a location, and that is idle."""
    session = session_of(store, submit(store, keep=True))
    first = claim(store, device)
    first.location = location
    store.claims.finish(first, "done")
    return session


def turn_of(store: Store, session: str, device: str = "old") -> Claim:
    """Return the claim of a next turn that runs."""
    submit(store, session=session, keep=True)
    return claim(store, device, (session,))


def test_the_next_device_finds_what_is_held_in_its_account_and_has_it_alone(store: Store) -> None:
    session = held_session(store)
    held_session(store, Location("untrusted@there", "other", "key", None))
    (kept,) = store.inheritances.find("untrusted@here")
    assert (kept.id, kept.language, kept.location) == (session, "python", HERE)
    assert 0 <= kept.idle_s <= kept.age_s < 60
    assert store.inheritances.take("new", [kept]) == {session}
    submit(store, session=session, keep=True)
    assert try_claim(store, "old", (session,)) is None
    store.sessions.end(session, of_device="old")
    assert state(store, session)[0] == "idle"
    store.claims.finish(claim(store, "new", (session,)), "done")
    assert [kept.location for kept in store.inheritances.find("untrusted@here")] == [HERE]
    store.sessions.end(session, of_device="new")
    assert state(store, session) == ("gone", "session_gone")
    assert not store.inheritances.find("untrusted@here")


def test_what_ran_in_it_is_lost_once_and_the_old_device_writes_nothing_more(store: Store) -> None:
    session = held_session(store)
    ran = turn_of(store, session)
    waits = submit(store, session=session, keep=True)
    kept = store.inheritances.find("untrusted@here")
    for _ in range(2):  # as after an answer that got lost
        assert store.inheritances.take("new", kept) == {session}
    assert state_of(store, ran.id) == ("lost", "lost")
    messages, _ = store.messages.after(ran.id, -1)
    assert json.loads(messages[-1])["content"] == {"execution_state": "idle"}
    with pytest.raises(LostClaimError):
        store.claims.finish(ran, "done", messages=[b'{"late":true}'])
    store.claims.expire()
    assert state_of(store, ran.id) == ("lost", "lost") and store.messages.after(ran.id, -1)[0] == messages
    assert claim(store, "new", (session,)).id == waits


def test_what_has_ended_meanwhile_is_not_taken(store: Store) -> None:
    session = held_session(store)
    kept = store.inheritances.find("untrusted@here")
    store.sessions.request_end(session)
    assert not store.inheritances.find("untrusted@here")
    store.sessions.end(session)
    assert store.inheritances.take("new", kept) == set()
    assert state(store, session)[0] == "gone"


def test_a_session_waits_for_the_next_device_for_its_grace_and_then_ends(connect) -> None:
    store = connect(lease_s=10.0, session_grace_s=20.0)
    session = held_session(store)
    store.devices.report("old", "host", {})
    age(store, "sessions", {"_id": session}, "used", 100)
    for seconds, expected in ((15, "idle"), (10, "idle"), (10, "gone")):
        age(store, "devices", {"_id": "old"}, "reported", seconds)
        store.claims.expire()
        assert state(store, session)[0] == expected
