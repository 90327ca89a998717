"""Claims as the store gives them, contents of a kernel's messages, and a conversation that has begun."""

from __future__ import annotations

import json
from typing import Any

import pytest

import settings as settings_file
from device.conversation import Conversation
from settings import Settings
from store import Claim
from tests.device.stage.scripted import message

BUSY, IDLE = {"execution_state": "busy"}, {"execution_state": "idle"}
INPUT = {"code": "1+1", "execution_count": 1}
REPLY = {"status": "ok", "execution_count": 1, "user_expressions": {}, "payload": []}
COMM = {"msg_type": "comm_msg", "content": {"comm_id": "c", "data": {}}, "metadata": {}, "buffers": []}


def make_claim(attempt: int = 1, turn: int = 0, comm: dict[str, Any] | None = None) -> Claim:
    """Return a claim that no store knows."""
    return Claim(
        id="7f1b2f0e-0c58-4d0b-9e43-5b1d8f6f1c10", session="s", turn=turn, language="python", code="1+1", keep=False,
        stdin=True, message=comm, uploads=[], attempt=attempt, device="d", token="t", sequence=-1,
    )  # fmt: skip


def kept(conversation: Conversation) -> list[tuple[str, Any]]:
    """Return what a conversation gives to store, as (type, content)."""
    stored = [json.loads(text) for text in conversation.drain()]
    return [(one["header"]["msg_type"], one["content"]) for one in stored]


@pytest.fixture
def settings() -> Settings:
    """The settings as they are by default."""
    return settings_file.load()


@pytest.fixture
def conversation(settings: Settings) -> Conversation:
    """A conversation that has begun, and whose beginning is stored."""
    conversation = Conversation(make_claim(), settings)
    conversation.take(message("status", BUSY))
    conversation.drain()
    return conversation
