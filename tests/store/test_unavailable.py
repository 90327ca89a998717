"""MongoDB away, slow or unwilling: StoreUnavailableError in time, and nothing of pymongo gets out."""

from __future__ import annotations

import io
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from harness.processes import stands_still, wait_for
from store import End, LostClaimError, Store, StoreError, StoreUnavailableError, Submission
from tests.mongod import run_mongod
from tests.store.conftest import Connect, claim, message, state_of, submit, texts

TIMEOUT_S = 1.0
# The promise is the timeout; a loaded machine gets some more.
PATIENCE_S = 10.0


def calls(store: Store, held) -> list[Callable[[], object]]:
    """Return one call of each kind."""

    def write_a_file() -> None:
        with store.files.write(held, "a") as file:
            file.write(b"x")

    return [
        store.ping,
        lambda: store.computations.submit(Submission("1", "python")),
        lambda: store.computations.submit(Submission("1", "python", uploads=(("a", io.BytesIO(b"x")),))),
        lambda: store.computations.get("x"),
        lambda: store.claims.claim("d", languages=["python"], sessions=["s"], new_sessions=True),
        lambda: store.claims.renew([held]),
        lambda: store.claims.finish_together([End(held, "done")]),
        lambda: store.claims.append(held, [message("x")]),
        lambda: store.claims.expire(),
        lambda: store.messages.after("x", -1),
        lambda: store.sessions.get("x"),
        lambda: store.sessions.end("x"),
        write_a_file,
        lambda: store.files.list("x"),
        lambda: store.devices.alive(),
        lambda: store.permalinks.create("1", "python"),
        lambda: store.introspections.put(None, "python", "complete", "", 0),
        store.sweep,
    ]


def test_a_database_that_is_away_is_said_so_in_time_to_all_who_ask_at_once(
    tmp_path: Path, connect: Connect, store: Store
) -> None:
    submit(store)
    held = claim(store)
    store = connect(tmp_path, mongo_timeout_s=TIMEOUT_S)

    def try_it(call: Callable[[], object]) -> None:
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError, match=r"MongoDB does not answer"):
            call()
        assert time.monotonic() - began < PATIENCE_S

    tried = calls(store, held)
    with ThreadPoolExecutor(len(tried)) as at_once:
        for done in [at_once.submit(try_it, call) for call in tried]:
            done.result(2 * PATIENCE_S)
    store.hints.announce("news", "x")


def when_it_answers(call: Callable[[], object]) -> None:
    """Do what the database does as soon as it answers: that takes it a moment."""

    def try_it() -> bool:
        with suppress(StoreUnavailableError):
            call()
            return True
        return False

    wait_for(try_it)


def test_a_database_that_hangs_or_goes_is_said_so_in_time_and_work_goes_on(tmp_path: Path, connect: Connect) -> None:
    with run_mongod(tmp_path) as mongod:
        patient = connect(tmp_path)
        id = submit(patient)
        held = claim(patient)
        store = connect(tmp_path, mongo_timeout_s=TIMEOUT_S)
        when_it_answers(store.ping)
        mongod.signal(signal.SIGSTOP)
        try:
            mongod.wait_for(lambda: stands_still(mongod.pid), "standing still", PATIENCE_S)
            for call in (store.ping, lambda: store.claims.append(held, [message("a")])):
                began = time.monotonic()
                with pytest.raises(StoreUnavailableError):
                    call()
                assert time.monotonic() - began < PATIENCE_S
        finally:
            mongod.signal(signal.SIGCONT)
        # Whether it was stored or not: the same again, with more, is stored once.
        when_it_answers(lambda: store.claims.append(held, [message("a"), message("b")]))
        assert texts(store, id) == ["a", "b"]
    with pytest.raises(StoreUnavailableError):
        store.claims.finish(held, "done", messages=[message("c")])
    with run_mongod(tmp_path):
        when_it_answers(lambda: store.claims.finish(held, "done", messages=[message("c")]))
        assert texts(store, id) == ["a", "b", "c"] and state_of(store, id) == ("done", None)
        with pytest.raises(LostClaimError):
            store.claims.append(held, [message("d")])


def test_a_database_that_wants_a_password_is_said_so(mongo_directory: Path, connect: Connect) -> None:
    store = connect(mongo_user="someone", mongo_password="wrong")
    with pytest.raises(StoreUnavailableError, match="MongoDB refuses") as refused:
        store.ping()
    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize("uri", ["mongodb://", "mongodb://host:port", "http://host"])
def test_an_address_that_is_none_is_refused_at_once(connect: Connect, uri: str) -> None:
    with pytest.raises(StoreError, match="mongo_uri"):
        connect(mongo_uri=uri)
