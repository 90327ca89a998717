"""Introspections: each goes to one device that can serve it, and its reply comes back."""

from __future__ import annotations

from store import Store


def test_an_introspection_is_claimed_once_and_replied_to(store: Store) -> None:
    id = store.introspections.put("session-1", "python", "complete", "$pri", 4)
    assert store.introspections.reply_to(id) is None
    assert store.introspections.claim("device-2", ["session-2"]) is None
    taken = store.introspections.claim("device-1", ["session-1"])
    assert taken and (taken.id, taken.session, taken.code) == (id, "session-1", "$pri")
    assert (taken.kind, taken.cursor_pos, taken.detail_level) == ("complete", 4, 0)
    assert store.introspections.claim("device-1", ["session-1"]) is None
    assert store.introspections.reply_to(id) is None
    store.introspections.reply(taken, "ok", b'{"matches":[]}')
    reply = store.introspections.reply_to(id)
    assert reply and (reply.status, reply.content) == ("ok", b'{"matches":[]}')
    assert store.introspections.reply_to("never") is None


def test_an_introspection_of_a_fresh_namespace_goes_to_a_device_with_its_language(store: Store) -> None:
    store.introspections.put(None, "sage", "inspect", "x", 1, 1)
    assert store.introspections.claim("device-1", [], ["python"]) is None
    taken = store.introspections.claim("device-1", [], ["sage"])
    assert taken and taken.session is None and taken.detail_level == 1
