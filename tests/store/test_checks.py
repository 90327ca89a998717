"""Published checks: the same text has one id, which says nothing of it; there are at most so many."""

from __future__ import annotations

import pytest

from store import ChecksFullError, Store
from tests.store.conftest import Connect, submit


def test_a_check_is_kept_under_one_id_for_one_text(store: Store) -> None:
    check = store.checks.publish("python", "$x\0é")
    assert store.checks.get(check.id) == store.checks.publish("python", "$x\0é")
    others = {store.checks.publish("sage", "$x\0é").id, store.checks.publish("python", "$x").id}
    assert len({check.id, *others}) == 3
    assert next(iter(store.checks.all())).id == check.id
    assert {kept.source for kept in store.checks.all()} == {""}


def test_a_deleted_check_is_gone_and_has_another_id_when_it_comes_back(store: Store) -> None:
    check = store.checks.publish("python", "x")
    assert store.checks.delete(check.id) and not store.checks.delete(check.id)
    assert store.checks.get(check.id) is None
    assert store.checks.publish("python", "x").id != check.id


@pytest.mark.parametrize(("there", "refused"), [(1, False), (2, True)])
def test_one_check_more_than_the_setting_allows_is_refused(connect: Connect, there: int, refused: bool) -> None:
    store = connect(checks_max=2)
    for number in range(there):
        store.checks.publish("python", str(number))
    if refused:
        with pytest.raises(ChecksFullError):
            store.checks.publish("python", "new")
        store.checks.publish("python", "0")  # what is there is there
    else:
        store.checks.publish("python", "new")


def test_a_computation_keeps_its_last_verdict_and_counts_its_bytes(store: Store) -> None:
    id = submit(store)
    assert (found := store.computations.get(id)) is not None and found.verdict is None
    for verdict in (b'{"correct":false}', b"{}"):
        store.computations.keep_verdict(id, verdict)
        assert (found := store.computations.get(id)) is not None and found.verdict == verdict
