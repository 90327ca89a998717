"""Merges two comm messages of one model that set values: for each value the later one wins.

The messages are those of Jupyter's controls: ``data`` has ``method`` "update", ``state`` by name, and ``buffer_paths``,
which says whose value each binary buffer is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.comm_messages import unpack_message

BUFFERS_MAX = 64  # of one message, as the wire has it


def is_update(message: Mapping[str, Any]) -> bool:
    """Return whether a message only sets values, so that a later one can stand for it."""
    data = message["content"].get("data")
    return (
        message["msg_type"] == "comm_msg"
        and isinstance(data, Mapping)
        and data.get("method") == "update"
        and isinstance(data.get("state"), Mapping)
    )


def merged(stored: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return one message for both updates, None when it would have too many buffers.

    ``stored``: the earlier one as pack_message stored it. ``later``: as it came.
    """
    earlier = unpack_message(stored)
    if earlier is None:
        return None
    old, new = earlier["content"]["data"], later["content"]["data"]
    new_paths, new_buffers = list(new.get("buffer_paths") or ()), list(later.get("buffers") or ())
    names = {*new["state"], *(path[0] for path in new_paths)}
    kept = [
        (path, buffer)
        for path, buffer in zip(old.get("buffer_paths") or (), earlier["buffers"], strict=True)
        if path[0] not in names
    ]
    if len(kept) + len(new_buffers) > BUFFERS_MAX:
        return None
    state = {name: value for name, value in old["state"].items() if name not in names} | dict(new["state"])
    data = {**new, "state": state}
    if kept or new_paths:
        data["buffer_paths"] = [path for path, _buffer in kept] + new_paths
    return {
        "msg_type": "comm_msg",
        "content": {**later["content"], "data": data},
        "metadata": later.get("metadata") or {},
        "buffers": [buffer for _path, buffer in kept] + new_buffers,
    }
