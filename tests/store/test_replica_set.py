"""Three nodes with users, a key file and TLS: what was acknowledged outlives a primary, and a time without one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TypeVar

import pytest

import settings as settings_file
import store as stores
from harness.processes import stands_still, wait_for
from harness.replica_set import ReplicaSet, replica_set
from store import Store, StoreUnavailableError
from tests.store.conftest import claim, state_of, submit

BACK_S = 60.0
Found = TypeVar("Found")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set as docs/database.md makes it."""
    with replica_set(tmp_path_factory.mktemp("nodes")) as found:
        yield found


@pytest.fixture
def store(nodes: ReplicaSet) -> Iterator[Store]:
    """The store of a server on it."""
    store = stores.connect(settings_file.load(**nodes.settings, mongo_timeout_s=2.0))
    yield store
    store.close()


def when_possible(call: Callable[[], Found]) -> Found:
    """Return what a call gives as soon as there is a primary."""

    def try_it() -> Found | None:
        with suppress(StoreUnavailableError):
            return call()
        return None

    found = wait_for(try_it, BACK_S)
    assert found
    return found


def test_what_was_acknowledged_outlives_its_primary(nodes: ReplicaSet, store: Store) -> None:
    patient = stores.connect(settings_file.load(**nodes.settings, mongo_timeout_s=30.0))
    id = submit(patient)
    held = claim(patient)
    patient.close()
    primary = nodes.primary()
    nodes.processes[primary].signal(signal.SIGKILL)
    nodes.processes[primary].wait(BACK_S)  # it may have acknowledged something until then
    when_possible(lambda: submit(store))
    assert when_possible(lambda: state_of(store, id)) == ("running", None)
    when_possible(lambda: store.claims.finish(held, "done") or True)
    assert when_possible(lambda: state_of(store, id)) == ("done", None)
    nodes.stop(primary)
    nodes.start(primary)


def test_without_a_majority_nothing_is_acknowledged_and_with_one_all_goes_on(nodes: ReplicaSet, store: Store) -> None:
    primary = nodes.primary()
    others = [node for node in nodes.processes if node != primary]
    for node in others:
        nodes.processes[node].signal(signal.SIGSTOP)
        wait_for(partial(stands_still, nodes.processes[node].pid))
    with pytest.raises(StoreUnavailableError):
        submit(store)
    for node in others:
        nodes.processes[node].signal(signal.SIGCONT)
    id = when_possible(lambda: submit(store))
    # Those that stood still may want another primary.
    assert when_possible(lambda: state_of(store, id)) == ("queued", None)


def test_who_is_no_user_or_speaks_without_tls_learns_nothing(nodes: ReplicaSet) -> None:
    given = nodes.settings
    for wrong in (
        {**given, "mongo_password": "wrong"},
        {**given, "mongo_uri": given["mongo_uri"].replace("&tls=true", "").partition("&tlsCAFile")[0]},
    ):
        store = stores.connect(settings_file.load(**wrong, mongo_timeout_s=2.0))
        with pytest.raises(StoreUnavailableError):
            store.ping()
        store.close()
