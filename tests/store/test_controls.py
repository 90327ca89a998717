"""A drag leaves no history: of each model at most one update waits, and of those that are over the last ones stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from store import Claim, OverShareError, Requester, SessionGoneError, Store, Submission, UnknownSessionError
from tests.store.conftest import Connect, claim, database_of, message, submit
from wire import BUFFERS_MAX

DEVICE = "device-1"


def update(state: Mapping[str, Any], model: str = "m", buffers: Mapping[str, bytes] | None = None) -> dict[str, Any]:
    """Return the comm message that sets these values of a model, and by name those that are buffers."""
    named = buffers or {}
    data = {"method": "update", "state": dict(state), "buffer_paths": [[name] for name in named]}
    content = {"comm_id": model, "data": data}
    return {"msg_type": "comm_msg", "content": content, "metadata": {}, "buffers": list(named.values())}


def click(model: str = "m") -> dict[str, Any]:
    """Return the comm message of a button that was pressed."""
    data = {"method": "custom", "content": {"event": "click"}}
    return {"msg_type": "comm_msg", "content": {"comm_id": model, "data": data}, "metadata": {}, "buffers": []}


def send(store: Store, session: str, sent: Mapping[str, Any], **fields: Any) -> str:
    """Send a message as the door for controls does; return the id of the computation that has it."""
    model = sent["content"]["comm_id"]
    submission = Submission("", None, session=session, keep=True, message=sent, control=model, **fields)
    return store.computations.submit(submission).id


def next_turn(store: Store, session: str) -> Claim:
    """Claim the next turn of the session."""
    found = store.claims.claim_turn(DEVICE, session)
    assert found is not None
    return found


def state_of(claimed: Claim) -> dict[str, Any]:
    assert claimed.message is not None
    return dict(claimed.message["content"]["data"]["state"])


@pytest.fixture
def session(store: Store) -> str:
    """A session that waits for its next turn."""
    submit(store, keep=True)
    held = claim(store)
    store.claims.finish(held, "done")
    return held.session


def test_of_the_updates_that_wait_for_a_model_the_latest_value_wins(store: Store, session: str) -> None:
    ids = {send(store, session, update({"value": n, f"name{n}": n})) for n in range(3)}
    assert len(ids) == 1
    assert state_of(next_turn(store, session)) == {"name0": 0, "name1": 1, "value": 2, "name2": 2}
    assert store.claims.claim_turn(DEVICE, session) is None


def test_an_update_that_runs_is_not_changed_any_more(store: Store, session: str) -> None:
    first = send(store, session, update({"value": 1}))
    running = next_turn(store, session)
    second = send(store, session, update({"value": 2}))
    assert first != second and state_of(running) == {"value": 1}
    store.claims.finish(running, "done")
    assert state_of(next_turn(store, session)) == {"value": 2}


def test_two_models_that_are_moved_in_turns_wait_with_one_update_each(store: Store, session: str) -> None:
    ids = [send(store, session, update({"value": n}, model)) for n in range(4) for model in ("a", "b")]
    assert len(set(ids)) == 2


def test_nothing_is_merged_across_a_click_or_a_cell(store: Store, session: str) -> None:
    first = send(store, session, update({"value": 1}))
    clicks = {send(store, session, click("button")) for _ in range(2)}
    second = send(store, session, update({"value": 2}))
    submit(store, session=session, keep=True)
    third = send(store, session, update({"value": 3}))
    assert len({first, second, third} | clicks) == 5


def test_an_update_of_another_session_with_the_same_model_is_left_alone(store: Store, session: str) -> None:
    submit(store, keep=True)
    held = claim(store)
    store.claims.finish(held, "done")
    assert send(store, session, update({"value": 1})) != send(store, held.session, update({"value": 2}))
    assert state_of(next_turn(store, session)) == {"value": 1}


def test_buffers_go_with_their_values(store: Store, session: str) -> None:
    send(store, session, update({"x": 1}, buffers={"old": b"o", "kept": b"k"}))
    send(store, session, update({"y": 2}, buffers={"old": b"n"}))
    sent = next_turn(store, session).message
    assert sent is not None and sent["content"]["data"]["buffer_paths"] == [["kept"], ["old"]]
    assert sent["buffers"] == [b"k", b"n"] and sent["content"]["data"]["state"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(("more", "is_merged"), [(-1, True), (0, True), (1, False)])
def test_so_many_buffers_are_merged_as_a_message_may_have(
    more: int, is_merged: bool, store: Store, session: str
) -> None:
    half = BUFFERS_MAX // 2
    one = send(store, session, update({}, buffers={f"a{n}": b"" for n in range(half)}))
    two = send(store, session, update({}, buffers={f"b{n}": b"" for n in range(half + more)}))
    assert (one == two) is is_merged


def test_updates_that_are_too_long_together_wait_one_after_the_other(connect: Connect) -> None:
    store = connect(message_bytes_max=1000)
    submit(store, keep=True)
    held = claim(store)
    store.claims.finish(held, "done")
    one = send(store, held.session, update({"a": "x" * 600}))
    assert send(store, held.session, update({"a": "y" * 600})) == one
    assert send(store, held.session, update({"b": "x" * 600})) != one


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_so_many_clicks_wait_in_a_session_as_of_a_page_may(more: int, connect: Connect) -> None:
    store = connect(page_waiting_max=3)
    submit(store, keep=True)
    held = claim(store)
    store.claims.finish(held, "done")
    lane = {"requester": Requester("client"), "lane": "client.-"}
    for _ in range(3 + min(more, 0)):
        send(store, held.session, click(), **lane)
    if more == 1:
        with pytest.raises(OverShareError, match="wait already"):
            send(store, held.session, click(), **lane)


def test_a_drag_leaves_three_computations_and_the_last_output(store: Store, session: str) -> None:
    database = database_of(store)
    for number in range(30):
        id = send(store, session, update({"value": number}), requester=Requester("client"))
        store.claims.finish(next_turn(store, session), "done", messages=[message("x" * 100_000)])
    assert database.collection("computations").count_documents({"session": session}) == 1 + 3
    assert database.collection("messages").count_documents({}) <= 3
    assert store.messages.after(id, -1)[0]  # type: ignore[index]


def test_other_models_and_cells_stay_when_one_is_thinned(store: Store, session: str) -> None:
    kept = [send(store, session, update({"value": 0}, "other")), submit(store, session=session, keep=True)]
    for _ in kept:
        store.claims.finish(next_turn(store, session), "done")
    for number in range(9):
        send(store, session, update({"value": number}))
        store.claims.finish(next_turn(store, session), "done")
    assert all(store.computations.get(id) for id in kept)


def test_a_message_to_no_session_or_one_that_ended_is_refused(store: Store, session: str) -> None:
    with pytest.raises(UnknownSessionError):
        send(store, "nowhere", update({"value": 1}))
    store.sessions.end(session)
    with pytest.raises(SessionGoneError):
        send(store, session, update({"value": 1}))


def test_what_a_merged_update_takes_is_counted(store: Store, session: str) -> None:
    send(store, session, update({"value": "x"}))
    id = send(store, session, update({"value": "x" * 5001}))
    claimed = next_turn(store, session)
    assert claimed.id == id and claimed.stored_bytes > 5001
