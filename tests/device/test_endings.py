"""However a computation ends, its conversation is whole and valid, and says why in a sentence for the student."""

from __future__ import annotations

import json

import pytest

import settings as settings_file
from device.conversation import Conversation
from jupyter import DISK_FULL, sentence
from store import REASONS
from tests.device.conftest import make_claim
from tests.device.stage.scripted import ASKS, BUSY, INPUT, REPLY, WHOLE, printed
from tests.messages import validate_message

BEGINNINGS = {
    "nothing": [],
    "busy": [BUSY],
    "output": [BUSY, INPUT, printed("x")],
    "a question": [BUSY, INPUT, ASKS],
    "the reply": [BUSY, INPUT, REPLY],
}


def conversation(messages: list, **claim: object) -> Conversation:
    """Return a conversation that has come so far."""
    found = Conversation(make_claim(**claim), settings_file.load(cell_wall_s=7.5))
    for one in messages:
        found.take(one)
    return found


def closed(messages: list, reason: str, **claim: object) -> list[dict]:
    """Return the messages of a conversation that was closed for a reason, all validated."""
    found = conversation(messages, **claim)
    found.close(reason, settings_file.load(cell_wall_s=7.5))  # type: ignore[arg-type]
    assert found.whole
    texts = [json.loads(text) for text in found.drain()]
    for text in texts:
        validate_message(text["header"]["msg_type"], text["content"])
    return texts


def types(texts: list[dict]) -> list[str]:
    """Return the types of messages."""
    return [text["header"]["msg_type"] for text in texts]


@pytest.mark.parametrize("reason", sorted(REASONS))
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_every_beginning_comes_to_a_whole_end_for_every_reason(beginning, reason):
    texts = closed(BEGINNINGS[beginning], reason)
    assert texts[0]["content"] == {"execution_state": "busy"}
    assert texts[-1]["content"] == {"execution_state": "idle"}
    assert types(texts).count("execute_reply") == 1
    if beginning != "the reply":
        assert types(texts)[-3:] == ["error", "execute_reply", "status"]


def test_the_sentence_names_the_limit_of_the_settings():
    error = closed([BUSY], "time_wall")[1]["content"]
    assert error["ename"] == "TimeLimit"
    assert error["evalue"] == "The cell was stopped: it ran for longer than 7.5 seconds."
    assert error["traceback"] == ["TimeLimit: The cell was stopped: it ran for longer than 7.5 seconds."]


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_has_one_sentence_for_the_student(reason):
    ename, evalue = sentence(reason, settings_file.load())
    assert ename.isidentifier()
    assert evalue.endswith(".")
    assert len(evalue) < 120


def test_the_reply_counts_the_cell_as_the_kernel_did():
    (reply,) = [text for text in closed([BUSY, INPUT], "memory") if text["header"]["msg_type"] == "execute_reply"]
    assert reply["content"]["execution_count"] == 1
    assert reply["content"]["status"] == "error"


def test_a_comm_message_ends_without_a_reply():
    comm = {"msg_type": "comm_msg", "content": {}, "metadata": {}, "buffers": []}
    assert types(closed([BUSY], "kernel_died", comm=comm)) == ["status", "error", "status"]


def test_a_second_attempt_that_says_nothing_still_clears_what_the_first_showed():
    assert types(closed([], "lost", attempt=2)) == ["status", "clear_output", "error", "execute_reply", "status"]


def test_nothing_is_added_to_what_has_ended():
    found = conversation(WHOLE)
    before = found.drain()
    found.close("output", settings_file.load())
    assert before
    assert found.drain() == []


@pytest.mark.parametrize("stored", [0, 1, 2, 3])
@pytest.mark.parametrize("beginning", ["output", "the reply", "the end"])
def test_what_is_not_stored_can_be_taken_back_for_another_end(beginning, stored):
    messages = [BUSY, INPUT, printed("x" * 100_000), *([] if beginning == "output" else [REPLY, WHOLE[-1]])]
    if beginning == "the reply":
        messages.pop()
    found = conversation(messages)
    texts = found.drain()
    kept = found.cut(texts[stored:])
    found.close("output", settings_file.load(), words=DISK_FULL)
    said = [json.loads(text) for text in (*texts[:stored], *kept, *found.drain())]
    assert found.whole and types(said)[:2] == ["status", "execute_input"]
    assert types(said)[2:] == ["stream"] * (stored == 3) + ["error", "execute_reply", "status"]
    assert said[-3]["content"]["ename"] == "DiskFull" and said[-1]["content"] == {"execution_state": "idle"}
