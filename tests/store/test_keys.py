"""Keys: made once, stored as a hash, revoked; what names and scopes they may have."""

from __future__ import annotations

import pytest

from store import AdministrationError, Key, Store
from store.access import KEPT_S
from store.keys import TEXT, hash_of
from tests.store.conftest import Connect, database_of


def test_a_key_is_known_by_its_text_and_stored_as_a_hash(store: Store) -> None:
    text = store.keys.make(Key("course", "page", ("python",), ("https://a.example",), cpu_s_per_hour=60))
    assert TEXT.fullmatch(text) and text.startswith("page_")
    known = store.access.rules().keys[hash_of(text)]
    assert (known.name, known.languages, known.origins, known.cpu_s_per_hour) == (
        "course", ("python",), ("https://a.example",), 60,
    )  # fmt: skip
    [stored] = database_of(store).collection("keys").find()
    assert text not in repr(stored)


def test_a_revoked_key_is_known_no_more_and_its_name_is_not_used_again(store: Store) -> None:
    text = store.keys.make(Key("course", "api"))
    store.keys.revoke("course")
    assert hash_of(text) not in store.access.rules().keys
    assert [key.name for key in store.keys.list() if key.revoked] == ["course"]
    with pytest.raises(AdministrationError, match="used once"):
        store.keys.make(Key("course", "api"))
    with pytest.raises(AdministrationError, match="revoked before"):
        store.keys.revoke("course")
    with pytest.raises(AdministrationError, match="no key named"):
        store.keys.revoke("another")


def test_another_process_asks_once_in_a_while_and_then_knows_the_change(
    store: Store, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = connect()
    assert other.access.rules().keys == {}
    text = store.keys.make(Key("course", "page"))
    monkeypatch.setattr("store.access.time.monotonic", lambda: other.access._looked_at + KEPT_S)
    assert other.access.rules().keys == {}  # it has looked a moment ago
    monkeypatch.setattr("store.access.time.monotonic", lambda: other.access._looked_at + KEPT_S + 0.001)
    assert hash_of(text) in other.access.rules().keys


def test_the_rules_cost_no_command_while_they_are_remembered(store: Store) -> None:
    store.access.rules()
    database = database_of(store).ready()
    database.command("profile", 2)
    try:
        for _ in range(20):
            store.access.rules()
    finally:
        database.command("profile", 0)
    names = [entry["ns"].rpartition(".")[2] for entry in database["system.profile"].find()]
    asked = [name for name in names if name in ("access", "keys", "bans")]
    assert len(asked) <= 1  # where the machine took two seconds for it


@pytest.mark.parametrize(
    "key",
    [
        Key("", "page"),
        Key("Course", "page"),
        Key("a" * 41, "page"),
        Key("operator", "api"),
        Key("a", "page", origins=("https://a.example/path",)),
        Key("a", "page", origins=("a.example",)),
        Key("a", "page", cpu_s_per_hour=0),
        Key("a", "page", cpu_s_per_hour=1.1e9),
        Key("a", "page", cpu_s_per_hour=float("nan")),
    ],
)
def test_what_is_no_key_is_refused_and_nothing_is_stored(store: Store, key: Key) -> None:
    with pytest.raises(AdministrationError):
        store.keys.make(key)
    assert store.keys.list() == []


def test_names_and_budgets_at_their_limits_are_taken(store: Store) -> None:
    store.keys.make(Key("a" * 40, "page", origins=("https://a.example:8443", "null"), cpu_s_per_hour=1e9))
    assert [key.name for key in store.keys.list()] == ["a" * 40]
