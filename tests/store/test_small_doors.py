"""Devices, permalinks and questions."""

from __future__ import annotations

import pytest

from store import Permalink, Store
from tests.store.conftest import Connect, age


@pytest.mark.parametrize(("silent_s", "alive"), [(25, True), (35, False)])
def test_a_device_is_alive_for_three_heartbeats(connect: Connect, silent_s: float, alive: bool) -> None:
    store = connect(heartbeat_s=10.0, heartbeat_timeout_s=30.0, lease_s=30.0)
    status = {"accounts": [{"account": "a@b", "free": 3, "sentence": "$x", "layers": []}]}
    store.devices.report("device-1", "other host", {})
    store.devices.report("device-1", "host", status)
    age(store, "devices", {}, "reported", silent_s)
    found = store.devices.alive()
    assert len(found) == alive
    if alive:
        reported = found[0].pop("reported")
        assert reported.utcoffset() is not None
        assert found == [{"device": "device-1", "host": "host", **status}]


def test_a_permalink_gives_its_code_back(store: Store) -> None:
    code = "$é\r\n\0\U0001f600"
    id = store.permalinks.create(code, "python")
    assert store.permalinks.get(id) == Permalink(code, "python")
    assert store.permalinks.create(code, "python") == id
    assert len({id, store.permalinks.create(code, "sage"), store.permalinks.create(code + " ", "python")}) == 3
    assert len(id) == 16 and store.permalinks.get("x" * 16) is None


def test_a_question_is_taken_once_and_answered(store: Store) -> None:
    id = store.introspections.put("session-1", "python", "complete", "$pri", 4)
    assert store.introspections.reply_to(id) is None
    assert store.introspections.claim("device-2", ["session-2"]) is None
    question = store.introspections.claim("device-1", ["session-1"])
    assert question and (question.id, question.session, question.code) == (id, "session-1", "$pri")
    assert (question.kind, question.cursor_pos, question.detail_level) == ("complete", 4, 0)
    assert store.introspections.claim("device-1", ["session-1"]) is None
    assert store.introspections.reply_to(id) is None
    store.introspections.reply(question, "ok", b'{"matches":[]}')
    answer = store.introspections.reply_to(id)
    assert answer and (answer.status, answer.content) == ("ok", b'{"matches":[]}')
    assert store.introspections.reply_to("never") is None


def test_a_question_to_a_fresh_namespace_goes_to_a_device_with_its_language(store: Store) -> None:
    store.introspections.put(None, "sage", "inspect", "x", 1, 1)
    assert store.introspections.claim("device-1", [], ["python"]) is None
    question = store.introspections.claim("device-1", [], ["sage"])
    assert question and question.session is None and question.detail_level == 1
