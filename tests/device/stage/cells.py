"""Plays cells on the stage, and reads what is stored of them."""

from __future__ import annotations

import json

import wire
from store import Store
from tests.device.stage.scripted import BUSY, INPUT, Scripted
from tests.messages import validate_message


def said(store: Store, id: str) -> list[dict]:
    """Return the messages of a computation, having checked each, and that they are whole when it is over."""
    texts, computation = store.messages.after(id, -1)
    messages = [json.loads(text) for text in texts]
    assert [one["sequence"] for one in messages] == list(range(len(messages)))
    for one in messages:
        validate_message(one["header"]["msg_type"], one["content"])
    if computation.over:
        assert messages[-1]["content"] == {"execution_state": "idle"}
    return messages


def types(store: Store, id: str) -> list[str]:
    """Return the types of a computation's messages."""
    return [one["header"]["msg_type"] for one in said(store, id)]


def nothing(supervisor: Scripted, run: wire.Execute) -> None:
    """Play a cell that says nothing and does not end."""


def busy(supervisor: Scripted, run: wire.Execute) -> None:
    """Play a cell that has begun and does not end."""
    supervisor.output(run, BUSY, INPUT)
