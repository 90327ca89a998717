"""Ends that are stored together: each holds with its own claim alone, and whatever breaks, all end once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect

from store import INSIDE_BYTES_MAX, Claim, End, LostClaimError, Store, StoreUnavailableError
from tests.store.conftest import claim, database_of, let_lease_run_out, message, state_of, submit, texts

USAGE = {"wall_s": 1.0, "cpu_s": 0.5, "memory_bytes": 1}
STATES = some.sampled_from([("done", None), ("failed", "time_wall"), ("cancelled", "cancelled"), ("lost", "lost")])
# A cell: what it had stored before, its last messages, its end, whether its session is kept, whether its claim is lost.
CELLS = some.lists(
    some.tuples(some.integers(0, 2), some.integers(0, 3), STATES, some.booleans(), some.booleans()),
    min_size=1, max_size=5,
)  # fmt: skip
BREAKS = some.sampled_from(["", "before", "after"])


def begin(store: Store, cell: Any) -> End:
    """Claim a computation, store what it said, and lose the claim if the cell says so; return its end."""
    earlier, last, (state, reason), keep, lost = cell
    id = submit(store, keep=keep)
    held = claim(store)
    store.claims.append(held, [message(f"e{n}") for n in range(earlier)])
    if lost:
        let_lease_run_out(store, id)
        store.claims.expire()
        assert claim(store, "device-2").id == id
    return End(held, state, reason, USAGE, [message(f"l{n}") for n in range(last)])


def breaking(real: Callable[..., Any], when: str) -> Callable[..., Any]:
    """Return a bulk write whose connection breaks before or after MongoDB did it."""

    def write(*arguments: Any, **named: Any) -> Any:
        done = real(*arguments, **named) if when != "before" else None
        if when:
            raise AutoReconnect("the connection broke")
        return done

    return write


def finish(store: Store, ends: list[End]) -> list[Claim]:
    """Store ends as a device does: together, else one by one; return the claims that are lost."""
    try:
        if store.claims.finish_together(ends):
            return []
    except StoreUnavailableError:
        pass
    lost = []
    for end in ends:
        try:
            store.claims.finish(end.claim, end.state, end.reason, end.usage, end.messages)
        except LostClaimError:
            lost.append(end.claim)
    return lost


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=CELLS, breaks=BREAKS)
def test_ends_stored_together_come_to_what_each_alone_comes_to(store: Store, cells: Any, breaks: str) -> None:
    ends = [begin(store, cell) for cell in cells]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Collection, "bulk_write", breaking(Collection.bulk_write, breaks))
        lost = finish(store, ends)
    assert [one.id for one in lost] == [end.claim.id for end, cell in zip(ends, cells, strict=True) if cell[4]]
    for end, (earlier, last, (state, reason), keep, is_lost) in zip(ends, cells, strict=True):
        id, session = end.claim.id, store.sessions.get(end.claim.session)
        said = [f"e{n}" for n in range(earlier)]
        if is_lost:
            assert state_of(store, id) == ("running", None) and texts(store, id) == said
            database_of(store).collection("computations").delete_one({"_id": id})
        else:
            assert state_of(store, id) == (state, reason)
            assert texts(store, id) == said + [f"l{n}" for n in range(last)]
        if keep and not is_lost:
            assert session is not None and session.state == ("gone" if state == "lost" else "idle")


def test_an_end_with_long_messages_is_not_stored_with_others(store: Store) -> None:
    size = len(message(""))
    for more, fits in ((-1, True), (0, True), (1, False)):
        submit(store)
        end = End(claim(store), "done", messages=[message("x" * (INSIDE_BYTES_MAX - size + more))])
        if fits:
            assert store.claims.finish_together([end])
        else:
            with pytest.raises(ValueError, match="stored alone"):
                store.claims.finish_together([end])
            store.claims.finish(end.claim, end.state, messages=end.messages)
        assert len(texts(store, end.claim.id)[0]) == INSIDE_BYTES_MAX - size + more
