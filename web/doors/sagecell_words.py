"""Puts what a kernel says into SageMathCell's words, and what its clients ask into ours.

Files come with the reply, what an interact shows is marked with the interact's id, and there are no buffers.
Its script moves a control by a message of its own, ours by a comm message to the widget of the interact's output.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec
from msgspec import Raw, Struct

from web.doors.kernels_frames import Header, Heard, Named, Said, write
from web.doors.sagecell_bundles import INTERACT, PLAIN, is_placed, shown

FILES_TYPE = "application/vnd.singlecell.files+json"
MOVED, MOVED_REPLY = "sagenb.interact.update_interact", "sagenb.interact.update_interact_reply"
RUNS = ("execute_request", MOVED)
CLEAR = "application/sage-clear"
# Its script knows no comms of widgets, and complains of each.
OF_WIDGETS = ("comm_open", "comm_msg", "comm_close")
SHOWN = ("display_data", "execute_result")


class _File(Struct):
    name: str


class _Files(Struct):
    files: list[_File] = []


class _Bundle(Struct):
    data: dict[str, Any] = {}
    metadata: dict[str, Any] = {}


class _Status(Struct):
    execution_state: str = ""


class _Asked(Struct):
    msg_type: str = ""


class _State(Struct):
    msg_id: str | None = None


class _Data(Struct):
    method: str = ""
    state: _State | None = None
    content: dict[str, Any] | None = None


class _OfComm(Struct):
    comm_id: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


class _Moved(Struct):
    interact_id: str
    values: dict[str, Any]
    update_last: bool = False


class Words:
    """Puts a kernel's messages into SageMathCell's words, one after the other.

    ``has_interact``: whether something was shown that its reader may move.
    """

    def __init__(self) -> None:
        self.has_interact = False
        self._files: list[str] = []
        self._interacts: set[str] = set()
        self._catching: list[str] = []  # ids of the interacts whose functions run, one within the other

    def texts(self, said: Said) -> list[bytes]:
        """Return what SageMathCell says for a message: none, or one or two texts."""
        msg_type, said.buffers = said.header.msg_type, []
        if msg_type in OF_WIDGETS:
            return self._of_comm(said)
        if msg_type in SHOWN:
            return self._shown(said)
        if msg_type == "clear_output":
            return [self._marked(_display(said, {CLEAR: {"changed": None}}))]
        if msg_type == "status" and msgspec.json.decode(said.content, type=_Status).execution_state == "idle":
            return self._idle(said)
        if msg_type == "execute_reply":
            content = msgspec.json.decode(said.content)
            said.content = Raw(msgspec.json.encode({**content, "payload": self._payload(content.get("payload", []))}))
        return [self._marked(said)]

    def _of_comm(self, said: Said) -> list[bytes]:
        if said.header.msg_type != "comm_msg":
            return []
        try:
            content = msgspec.json.decode(said.content, type=_OfComm)
        except msgspec.MsgspecError:  # of a reader's own comm
            return []
        id, data = content.comm_id, content.data
        if id not in self._interacts:
            return []
        if data.method == "custom" and data.content is not None:
            return [self._marked(_display(said, data.content))]
        if data.method == "update" and data.state is not None and data.state.msg_id is not None:
            if data.state.msg_id:
                self._catching.append(id)
            elif id in self._catching:
                del self._catching[self._catching.index(id) :]
        return []

    def _shown(self, said: Said) -> list[bytes]:
        bundle = msgspec.json.decode(said.content, type=_Bundle)
        if FILES_TYPE in bundle.data:
            files = msgspec.convert(bundle.data[FILES_TYPE], type=_Files).files
            self._files += [file.name for file in files]
            return []
        data = shown(bundle.data, bundle.metadata)
        if is_placed(bundle.metadata) and INTERACT not in data:
            return []  # its script puts all of an interact's controls into their places by itself
        if INTERACT in data:
            self.has_interact = True
            self._interacts.add(data[INTERACT]["new_interact_id"])
        content = msgspec.json.decode(said.content)
        said.content = Raw(msgspec.json.encode({**content, "data": data}))
        return [self._marked(said)]

    def _idle(self, said: Said) -> list[bytes]:
        """Answer a moved control before its end: our kernels answer comm messages with nothing."""
        asked = msgspec.json.decode(said.parent_header, type=_Asked).msg_type
        if asked in RUNS:  # others are answered beside what runs
            self._catching.clear()
        own = write(said, None)[0]
        if asked != MOVED:
            return [own]
        content = {"status": "ok", "payload": self._payload([]), "user_expressions": {}}
        return [write(_made(said, "shell", MOVED_REPLY, content), None)[0], own]

    def _payload(self, others: list[Any]) -> list[Any]:
        # Its script fails where there is no list, and looks at the first one in it.
        names, self._files = self._files, []
        return [{"new_files": names}, *others] if names else others

    def _marked(self, said: Said) -> bytes:
        if self._catching and said.channel == "iopub":
            said.metadata = Raw(msgspec.json.encode({"interact_id": self._catching[-1]}))
        return write(said, None)[0]


def heard(message: Heard) -> Heard:
    """Return what a client asks, in our words: a moved control is a comm message to its interact's output."""
    if message.header.msg_type != MOVED:
        return message
    try:
        moved = msgspec.json.decode(message.content, type=_Moved)
    except msgspec.MsgspecError:
        return message  # and so of a type that nobody knows
    content = {"values": moved.values, "update_last": moved.update_last}
    data = {"method": "custom", "content": content}
    translated = copy.copy(message)
    translated.header = Named("comm_msg", message.header.msg_id)
    translated.content = msgspec.json.encode({"comm_id": moved.interact_id, "data": data})
    return translated


def _display(cause: Said, data: dict[str, Any]) -> Said:
    return _made(cause, "iopub", "display_data", {"data": {**data, PLAIN: ""}, "metadata": {}})


def _made(cause: Said, channel: str, msg_type: str, content: dict[str, Any]) -> Said:
    """Return a message that stands for another one, or beside it."""
    of_cause = cause.header
    header = Header(
        msg_type, f"{of_cause.msg_id}.", of_cause.session, of_cause.username, of_cause.date, of_cause.version
    )
    return Said(channel, header, cause.parent_header, Raw(b"{}"), Raw(msgspec.json.encode(content)))
