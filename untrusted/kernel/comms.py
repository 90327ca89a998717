"""Carries comms (the channels of widgets) over the publisher, in both directions."""

from __future__ import annotations

from typing import Any

import comm
from comm.base_comm import BaseComm, CommManager

from untrusted.kernel.comm_info import comm_info
from untrusted.kernel.json_clean import Json, clean
from untrusted.kernel.publisher import Publisher
from wire import BUFFERS_MAX


class Parents:
    """What ipywidgets takes for a kernel. All that a computation says has it as its parent, so that no id is needed."""

    def get_parent(self) -> dict[str, Any]:
        """Return the message that is being worked on."""
        return {"header": {"msg_id": "this"}}


class Comms:
    """The comms of one kernel; makes the package ``comm`` use them."""

    def __init__(self, publisher: Publisher) -> None:
        self._manager = CommManager()

        class KernelComm(BaseComm):
            """A comm whose other end is in the page."""

            # An Output control asks here for the message whose outputs it is to catch, so that the page knows.
            kernel = Parents()

            def publish_msg(
                self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
            ) -> None:
                """Send a message. Raises ValueError for what cannot be sent."""
                publisher.emit(msg_type, _content(self.comm_id, data, keys), _object(metadata), _bytes(buffers))

        comm.create_comm = KernelComm
        comm.get_comm_manager = lambda: self._manager

    def deliver(self, msg_type: str, content: dict, metadata: dict, buffers: list[bytes]) -> None:
        """Hand a message of the page to the comm that it names."""
        message = {
            "header": {"msg_type": msg_type},
            "parent_header": {},
            "content": content,
            "metadata": metadata,
            "buffers": [memoryview(buffer) for buffer in buffers],
        }
        if msg_type != "comm_open" and content.get("comm_id") not in self._manager.comms:
            return  # closed in the meantime; a page that only keeps its session alive names none
        getattr(self._manager, msg_type)(None, "", message)

    def info(self, target_name: str) -> dict[str, Json]:
        """Return the content of a ``comm_info_reply``: the open comms of this target, of all with ``""``."""
        comms = [(str(id), str(found.target_name)) for id, found in list(self._manager.comms.items())]
        return comm_info(named for named in comms if target_name in ("", named[1]))


def _content(comm_id: str, data: Any, keys: dict[str, Any]) -> dict[str, Json]:
    named = {name: value for name, value in keys.items() if value is not None}
    return {**_object(named), "comm_id": comm_id, "data": _object(data)}


def _object(value: Any) -> dict[str, Json]:
    cleaned = clean({} if value is None else value)
    if not isinstance(cleaned, dict):
        raise ValueError(f"the data of a comm message is a {type(value).__name__}; a dict is needed")
    return cleaned


def _bytes(buffers: Any) -> list[bytes]:
    pieces = [bytes(memoryview(buffer).cast("B")) for buffer in buffers or ()]
    if len(pieces) > BUFFERS_MAX:
        raise ValueError(f"a comm message has {len(pieces)} buffers; at most {BUFFERS_MAX} are allowed")
    return pieces
