"""What a computation costs does not grow with what is stored: every query of the daily work finds an index."""

from __future__ import annotations

from collections import Counter

import pytest

from store import Once, PassedOver, Requester, Store, lane_of
from tests.mongod import new_name
from tests.store.conftest import Connect, claim, database_of, let_lease_run_out, message, submit

# Read from its end, or as many documents as there are devices.
SMALL = ("hints", "devices")


@pytest.fixture
def database_name() -> str:
    """A new database: MongoDB knows no plan of a query yet."""
    return new_name()


def test_no_query_reads_a_whole_collection(connect: Connect, store: Store) -> None:
    store.ping()
    another = connect()  # it has not measured the queue yet
    another.ping()
    database = database_of(store).ready()
    for _ in range(50):
        submit(store)
        store.claims.finish(claim(store), "done", messages=[message("x")])
    database.command("profile", 2)
    try:
        drag(another)
        session = work(another)
    finally:
        database.command("profile", 0)
    seen = list(database["system.profile"].find({"ns": {"$regex": f"^{database.name}\\."}}))
    seen = [entry for entry in seen if not entry["ns"].endswith((*SMALL, "system.profile"))]
    scans = [entry for entry in seen if "COLLSCAN" in entry.get("planSummary", "")]
    assert session and not scans, scans
    examined = [entry for entry in seen if entry.get("docsExamined", 0) > 20]
    assert not examined, [(entry["ns"], entry["planSummary"], entry.get("command")) for entry in examined]


@pytest.mark.parametrize("client", [None, "a"])
def test_a_short_cell_costs_four_commands_and_two_hints(store: Store, client: str | None) -> None:
    asked_by = {"requester": Requester(client, "https://pages.example.org"), "lane": lane_of(Requester(client), None)}
    submit(store)
    store.claims.finish(claim(store), "done")  # what is asked for the first time only
    database = database_of(store).ready()
    database.command("profile", 2)
    try:
        id = submit(store, **asked_by)
        store.claims.finish(claim(store), "done", messages=[message("x")])
        assert store.messages.after(id, -1)
    finally:
        database.command("profile", 0)
    commands = Counter(entry["ns"].rpartition(".")[2] for entry in database["system.profile"].find())
    assert commands["computations"] == 4 and commands["hints"] == 2 and commands["messages"] == 0


def test_a_turn_costs_five_commands_two_of_its_session_and_two_hints(store: Store) -> None:
    submit(store, keep=True)
    held = claim(store)
    store.claims.finish(held, "done")
    database = database_of(store).ready()
    database.command("profile", 2)
    try:
        id = submit(store, keep=True, session=held.session)
        turn = store.claims.claim_turn("device-1", held.session)
        assert turn is not None
        store.claims.finish(turn, "done", messages=[message("x")])
        assert store.messages.after(id, -1)
    finally:
        database.command("profile", 0)
    commands = Counter(entry["ns"].rpartition(".")[2] for entry in database["system.profile"].find())
    assert {name: commands[name] for name in ("computations", "sessions", "hints", "messages")} == {
        "computations": 5, "sessions": 2, "hints": 2, "messages": 0,
    }  # fmt: skip


def test_who_holds_a_thousand_idle_sessions_names_none_of_them_to_the_database(store: Store) -> None:
    submit(store, keep=True)
    held = claim(store)
    store.claims.finish(held, "done")
    many = (held.session, *(f"another-{number}" for number in range(1000)))
    turn = submit(store, keep=True, session=held.session)
    question = store.introspections.put(many[1], "python", "complete", "", 0)
    database = database_of(store).ready()
    database.command("profile", 2)
    try:
        first = store.claims.claim("device-1", languages=[], sessions=many, new_sessions=False)
        asked = [store.introspections.claim("device-1", many) for _ in range(2)]
    finally:
        database.command("profile", 0)
    assert first is not None and first.id == turn
    assert [one and one.id for one in asked] == [question, None]
    seen = list(database["system.profile"].find({"ns": {"$regex": "(computations|questions)$"}}))
    assert len(seen) == 6 and max(len(str(entry["command"])) for entry in seen) < 10_000
    assert max(entry.get("keysExamined", 0) for entry in seen) <= 2


def drag(store: Store) -> None:
    """Move a control more often than its session can follow."""
    submit(store, keep=True)
    held = claim(store)
    store.claims.finish(held, "done")
    content = {"comm_id": "m", "data": {"method": "update", "state": {"value": 1}}}
    moved = {"msg_type": "comm_msg", "content": content}
    for _ in range(30):
        for _ in range(2):
            submit(store, "", keep=True, session=held.session, message=moved, control="m")
        turn = store.claims.claim_turn("device-1", held.session)
        assert turn is not None
        store.claims.finish(turn, "done")


def work(store: Store) -> str:
    """Do one of everything; return the session that was used."""
    id = submit(store, keep=True)
    session = store.computations.get(id).session  # type: ignore[union-attr]
    store.computations.queue_position(id)
    held = claim(store)
    for _ in range(3):
        store.claims.append(held, [message("x"), message("y")])
    store.claims.renew([held])
    for after in (-1, 0, 1, 5):
        store.messages.after(id, after)
    with store.files.write(held, "a.txt") as writer:
        writer.write(b"x")
    store.files.list(id)
    store.files.open(id, "a.txt")
    store.files.uploads(id)
    store.computations.request_interrupt(id)
    store.claims.finish(held, "done", messages=[message("x")])
    submit(store, keep=True, session=session)
    held = claim(store, sessions=(session,))
    let_lease_run_out(store, held.id)
    store.claims.expire()
    store.computations.request_cancel(submit(store))
    for requester in (Requester("a", "https://pages.example.org", "k"), Requester("b")):
        for _ in range(3):
            behind = submit(store, requester=requester, lane=lane_of(requester, None))
            store.computations.queue_position(behind)
    claim(store, passed=PassedOver(client=frozenset(["b"]), origin=frozenset(["x"])))
    store.claims.expire()
    store.sessions.get(session)
    store.sessions.ending("device-1")
    many = [f"another-{number}" for number in range(30)]
    store.claims.claim("device-1", languages=[], sessions=many, new_sessions=False)
    store.devices.report("device-1", "host", {})
    store.devices.alive()
    store.introspections.put(session, "python", "complete", "", 0)
    store.introspections.claim("device-1", [session])
    for once in (Once(("new", "yesterday")), Once(("k", "yesterday"))):
        store.repeats.find(once)
        submit(store, once=Once(("k",)))
    store.sweep()
    return session
