"""What SageMathCell's script hears of an interact: what its function shows is marked, widgets are left out."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Raw

from web.doors.kernels_frames import Header, Said
from web.doors.sagecell_bundles import INTERACT, INTERACT_TYPE
from web.doors.sagecell_words import MOVED, MOVED_REPLY, Words


def hears(words: Words, msg_type: str, content: dict[str, Any], asked: str = "execute_request") -> list[dict]:
    """Return what is heard of a message of the kernel's."""
    header = Header(msg_type, "m", "s", "", "", "5.3")
    parent = Raw(json.dumps({"msg_type": asked, "msg_id": "a"}).encode())
    said = Said("iopub", header, parent, Raw(b"{}"), Raw(json.dumps(content).encode()))
    return [json.loads(text) for text in words.texts(said)]


def catches(words: Words, id: str, msg_id: str) -> None:
    """Have the output of an interact catch what comes, or no more."""
    data = {"method": "update", "state": {"msg_id": msg_id}}
    assert hears(words, "comm_msg", {"comm_id": id, "data": data}) == []


def with_interacts(*ids: str) -> Words:
    words = Words()
    for id in ids:
        [shown] = hears(words, "display_data", {"data": {INTERACT_TYPE: {"new_interact_id": id}}, "metadata": {}})
        assert shown["content"]["data"] == {INTERACT: {"new_interact_id": id}}
    return words


def marks(words: Words) -> str | None:
    """Return the id with which what is printed now is marked."""
    [printed] = hears(words, "stream", {"name": "stdout", "text": "x"})
    return printed["metadata"].get("interact_id")


def test_what_a_function_shows_has_the_id_of_its_interact_one_within_the_other():
    words = with_interacts("a", "b")
    assert words.has_interact and marks(words) is None
    catches(words, "a", "this")
    catches(words, "b", "this")
    assert marks(words) == "b"
    catches(words, "b", "")
    assert marks(words) == "a"
    hears(words, "status", {"execution_state": "idle"}, "kernel_info_request")  # answered beside what runs
    assert marks(words) == "a"
    hears(words, "status", {"execution_state": "idle"})
    assert marks(words) is None


def test_an_emptied_output_is_said_and_what_code_does_to_controls():
    words = with_interacts("a")
    catches(words, "a", "this")
    [cleared] = hears(words, "clear_output", {"wait": True})
    assert cleared["content"]["data"]["application/sage-clear"] == {"changed": None}
    assert (cleared["header"]["msg_type"], cleared["metadata"]) == ("display_data", {"interact_id": "a"})
    update = {"application/sage-interact-update": {"interact_id": "a", "control": "n", "value": 1}}
    [said] = hears(words, "comm_msg", {"comm_id": "a", "data": {"method": "custom", "content": update}})
    assert said["content"]["data"].items() >= update.items()


def test_other_comms_are_not_there_whatever_they_say():
    words = with_interacts("a")
    hears(words, "comm_open", {"comm_id": "w", "target_name": "jupyter.widget", "data": {}})
    odd: list[Any] = [{"state": 5}, {"method": "update"}, 5, None]
    for content in ({"comm_id": "w", "data": {"method": "custom", "content": {}}}, {"comm_id": 5}):
        assert hears(words, "comm_msg", content) == []
    for data in odd:
        assert hears(words, "comm_msg", {"comm_id": "a", "data": data}) == []


def test_a_moved_control_is_answered_with_the_files_before_its_end():
    words = with_interacts("a")
    files = {"application/vnd.singlecell.files+json": {"files": [{"name": "f.txt"}]}}
    assert hears(words, "display_data", {"data": files, "metadata": {}}, MOVED) == []
    reply, idle = hears(words, "status", {"execution_state": "idle"}, MOVED)
    assert (reply["channel"], reply["header"]["msg_type"]) == ("shell", MOVED_REPLY)
    assert reply["content"]["payload"] == [{"new_files": ["f.txt"]}]
    assert reply["parent_header"] == idle["parent_header"] and idle["content"] == {"execution_state": "idle"}
