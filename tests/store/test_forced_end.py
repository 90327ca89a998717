"""Whoever ends a computation, its conversation is whole: also where no device is there to say the last words."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest

from jupyter import MessageMaker
from store import Claim, ComputationOverError, LostClaimError, Store, Submission
from store import messages as batches
from tests import threads
from tests.messages import validate_message
from tests.store.conftest import Connect, claim, database_of, let_lease_run_out, state_of, submit, try_claim

BUSY = ("status", {"execution_state": "busy"})
INPUT = ("execute_input", {"code": "1+1", "execution_count": 3})
PRINTED = ("stream", {"name": "stdout", "text": "x"})
ERROR = {"ename": "Error", "evalue": "", "traceback": []}
REPLY = ("execute_reply", {"status": "error", "execution_count": 3, **ERROR})
IDLE = ("status", {"execution_state": "idle"})
BEGINNINGS: dict[str, tuple[list[tuple[str, dict]], list[str]]] = {
    "nothing": ([], ["status", "error", "execute_reply", "status"]),
    "busy": ([BUSY], ["error", "execute_reply", "status"]),
    "output": ([BUSY, INPUT, PRINTED], ["error", "execute_reply", "status"]),
    "the reply": ([BUSY, INPUT, PRINTED, REPLY], ["status"]),
    "the last idle": ([BUSY, INPUT, REPLY, IDLE], []),
}


def say(store: Store, held: Claim, messages: Sequence[tuple[str, dict]]) -> None:
    """Store messages as a device does, one by one: each in a batch of its own."""
    letterhead = MessageMaker(held.id, held.session, held.attempt, held.message)
    for msg_type, content in messages:
        store.claims.append(held, [letterhead.text(msg_type, content)])


def conversation(store: Store, id: str) -> list[dict]:
    """Return all messages, valid, without gaps, the same from whatever place they are read; the last is idle."""
    found = store.messages.after(id, -1)
    assert found is not None
    messages = [json.loads(text) for text in found[0]]
    assert [message["sequence"] for message in messages] == list(range(found[1].sequence + 1))
    for message in messages:
        validate_message(message["header"]["msg_type"], message["content"])
        rest = store.messages.after(id, message["sequence"])
        assert rest and rest[0] == found[0][message["sequence"] + 1 :]
    assert messages[-1]["content"] == {"execution_state": "idle"}
    assert len({message["header"]["msg_id"] for message in messages}) == len(messages)
    return messages


def types(messages: Sequence[dict]) -> list[str]:
    """Return the types of messages."""
    return [message["header"]["msg_type"] for message in messages]


def let_die(store: Store, id: str) -> None:
    """Let a computation's device die."""
    let_lease_run_out(store, id)
    assert store.claims.expire() == [id]


def cancel_between(store: Store, id: str) -> None:
    """Cancel a computation that waits for its second attempt."""
    let_die(store, id)
    assert state_of(store, id)[0] == "queued"
    store.computations.request_cancel(id)


def cancel_held(store: Store, id: str) -> None:
    """Cancel a computation whose device is dead already."""
    store.computations.request_cancel(id)
    let_die(store, id)


def lose(store: Store, id: str) -> None:
    """Let the second attempt's device die before it has said anything."""
    let_die(store, id)
    claim(store)
    let_die(store, id)


ENDS: dict[str, tuple[Callable[[Store, str], None], str]] = {
    "cancelled between two attempts": (cancel_between, "cancelled"),
    "cancelled, and its device dead": (cancel_held, "cancelled"),
    "lost": (lose, "lost"),
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_what_a_dead_device_left_open_is_closed(store: Store, beginning: str, how: str) -> None:
    said, lacking = BEGINNINGS[beginning]
    end, state = ENDS[how]
    id = submit(store)
    say(store, claim(store), said)
    end(store, id)
    assert state_of(store, id) == (state, state)
    messages = conversation(store, id)
    assert types(messages) == [msg_type for msg_type, _ in said] + lacking
    if "execute_reply" in lacking:
        reply = next(message for message in messages if message["header"]["msg_type"] == "execute_reply")
        assert reply["content"]["execution_count"] == (3 if INPUT in said else 0)
        assert messages[-3]["content"]["ename"] == state.capitalize()


def test_a_computation_that_never_ran_says_why(store: Store) -> None:
    first = submit(store, keep=True)
    session = store.computations.get(first).session  # type: ignore[union-attr]
    second = submit(store, keep=True, session=session)
    store.computations.request_cancel(first)
    for id, name in ((first, "Cancelled"), (second, "SessionGone")):
        messages = conversation(store, id)
        assert types(messages) == ["status", "error", "execute_reply", "status"]
        assert messages[1]["content"]["ename"] == name and try_claim(store) is None


def test_a_comm_message_that_is_never_delivered_has_no_reply(store: Store) -> None:
    session = store.computations.get(submit(store, keep=True)).session  # type: ignore[union-attr]
    store.claims.finish(claim(store), "done")
    comm = {"msg_type": "comm_msg", "content": {"comm_id": "1", "data": {}}}
    id = store.computations.submit(Submission("", "python", session, keep=True, message=comm)).id
    store.sessions.end(session)
    messages = conversation(store, id)
    assert types(messages) == ["status", "error", "status"]
    assert messages[0]["parent_header"]["msg_type"] == "comm_msg"


def test_what_a_lost_claim_writes_beside_the_last_words_is_never_seen(store: Store) -> None:
    id = submit(store)
    lost = claim(store)
    say(store, lost, [BUSY, INPUT, PRINTED])
    batches.write(database_of(store), lost, [b'{"left":1}'])  # before it knows
    cancel_between(store, id)
    whole = conversation(store, id)
    for text in (b'{"late":1}', b'{"late":2}'):
        with pytest.raises(LostClaimError):
            store.claims.append(lost, [text] * 9)
        batches.write(database_of(store), lost, [text] * 9)
        assert conversation(store, id) == whole


def test_a_computation_that_many_end_at_once_ends_once(connect: Connect) -> None:
    store = connect()
    for _ in range(10):
        id = submit(store)
        say(store, claim(store), [BUSY])
        let_die(store, id)
        start = threading.Barrier(4, timeout=30)

        def cancel(id: str = id, start: threading.Barrier = start) -> None:
            own = connect()
            own.ping()
            start.wait()
            with suppress(ComputationOverError):
                own.computations.request_cancel(id)

        cancelling = [threading.Thread(target=cancel) for _ in range(3)]
        for thread in cancelling:
            thread.start()
        start.wait()
        held = try_claim(store)  # it runs again, or has ended
        threads.join(cancelling)
        if held is not None:
            assert store.claims.renew([held])[0].cancel
            let_die(store, id)
        assert types(conversation(store, id)) == ["status", "error", "execute_reply", "status"]


def test_turns_that_nobody_came_to_end_are_ended_by_the_next_sweep(connect: Connect) -> None:
    store = connect()
    first = submit(store, keep=True)
    session = store.computations.get(first).session  # type: ignore[union-attr]
    others = [submit(store, keep=True, session=session) for _ in range(2)]
    # The web process died between the end of the first turn and that of its session.
    database_of(store).collection("computations").update_one({"_id": first}, {"$set": {"state": "cancelled"}})
    store.claims.expire()
    assert [state_of(store, id) for id in others] == [("failed", "session_gone")] * 2
    assert store.sessions.get(session).state == "gone"  # type: ignore[union-attr]
    for id in others:
        conversation(store, id)
    # Turns that wait for a first one that waits, or for the session's device, are left alone.
    waiting = submit(store, keep=True)
    behind = submit(store, keep=True, session=store.computations.get(waiting).session)  # type: ignore[union-attr]
    store.claims.expire()
    assert state_of(store, behind)[0] == "queued"
    store.claims.finish(claim(store), "done")
    store.devices.report("device-1", "host", {})
    store.claims.expire()
    assert state_of(store, behind)[0] == "queued"
