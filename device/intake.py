"""The intake: the only place where foreign bytes become something that is stored.

One ``Conversation`` a computation: types, contents, order, totals. What does not fit raises Nonsense, and the
connection that brought it is cut.
"""

from __future__ import annotations

import json
import mimetypes
from typing import Any
from urllib.parse import quote

from device import contents, headers
from device.refusal import Nonsense
from store import Claim
from wire import BUFFERS_MAX, NAME_BYTES_MAX, File, Message

FILES_TYPE = "application/vnd.singlecell.files+json"
DEFAULT_TYPE = "application/octet-stream"
# What a message costs beside its content: enough that a flood of empty ones is counted too.
TOLERANCE = 2


class Conversation:
    """What one computation has said so far, from ``busy`` to ``idle``."""

    def __init__(self, claim: Claim, settings: Any) -> None:
        self._settings, self._session, self._id = settings, claim.session, claim.id
        msg_type = claim.message["msg_type"] if claim.message else "execute_request"
        self.parent = headers.header(claim.id, claim.session, msg_type)
        self._again = claim.attempt > 1
        self.began = self.replied = self.ended = self.asking = False
        self.execution_count = 0  # of the cell, once the kernel has said it
        self._bytes = self._messages = 0
        self._files: list[dict[str, Any]] = []
        self._files_bytes = 0
        self._open: File | None = None
        self._open_bytes = 0

    # --- messages -----------------------------------------------------------------------------------------------
    def take(self, untrusted: list[Message]) -> list[bytes]:
        """Return the texts to store for messages of the kernel, neighbouring streams merged. Raises Nonsense."""
        texts: list[bytes] = []
        stream: dict[str, Any] | None = None
        for message in untrusted:
            content = self._checked(message)
            if message.msg_type == "stream" and stream is not None and stream["name"] == content["name"]:
                stream["text"] += content["text"]
                continue
            if stream is not None:
                texts.append(self.text("stream", stream))
                stream = None
            if message.msg_type == "stream" and not message.buffers:
                stream = content
                continue
            if message.msg_type == "execute_reply":
                texts += self.announce_files()
            texts.append(self.text(message.msg_type, content, contents.check_object(message.metadata), message.buffers))
            if message.msg_type == "status" and self._again:
                self._again = False
                texts.append(self.text("clear_output", {"wait": False}))
        if stream is not None:
            texts.append(self.text("stream", stream))
        return texts

    def _checked(self, message: Message) -> dict[str, Any]:
        if self.ended:
            raise Nonsense("a message after the last idle")
        self._messages += 1
        self._bytes += len(message.content) + len(message.metadata) + sum(map(len, message.buffers))
        if self._bytes > TOLERANCE * self._settings.cell_output_bytes_max:
            raise Nonsense("more output than its own limit allows")
        if self._messages > TOLERANCE * self._settings.cell_messages_max:
            raise Nonsense("more messages than its own limit allows")
        if len(message.buffers) > BUFFERS_MAX:
            raise Nonsense(f"a message with {len(message.buffers)} buffers")
        content = contents.check(message.msg_type, message.content)
        self._order(message.msg_type, content)
        return content

    def _order(self, msg_type: str, content: dict[str, Any]) -> None:
        busy = msg_type == "status" and content["execution_state"] == "busy"
        if busy == self.began:
            raise Nonsense("a second busy" if busy else f"{msg_type} before busy")
        self.began = True
        if msg_type == "execute_input":
            self.execution_count = content["execution_count"]
        if msg_type == "execute_reply":
            if self.replied:
                raise Nonsense("a second execute_reply")
            self.replied = True
        if msg_type == "status" and not busy:
            self.ended = True
        self.asking = msg_type == "input_request"

    def text(self, msg_type: str, content: Any, metadata: Any = None, buffers: Any = ()) -> bytes:
        """Return a message of this conversation as it is stored."""
        return headers.text(self._session, self.parent, msg_type, content, metadata, buffers)

    # --- files --------------------------------------------------------------------------------------------------
    def check_file(self, piece: File) -> bool:
        """Check a piece of a file against the pieces before it; return whether it is the first. Raises Nonsense."""
        first = self._open is None
        if self.replied:
            raise Nonsense("a file after the reply")
        if self._open is None:
            self._check_new_file(piece)
            self._open, self._open_bytes = piece, 0
        elif (self._open.name, self._open.size_bytes) != (piece.name, piece.size_bytes):
            raise Nonsense("a file in the middle of another")
        self._open_bytes += len(piece.data)
        if self._open_bytes > piece.size_bytes or (piece.last and self._open_bytes != piece.size_bytes):
            raise Nonsense("a file that is not as long as it says")
        if piece.last:
            self._open = None
            media_type = mimetypes.guess_type(piece.name, strict=False)[0] or DEFAULT_TYPE
            url = f"/files/{self._id}/{quote(piece.name)}"
            self._files.append({"name": piece.name, "size": piece.size_bytes, "type": media_type, "url": url})
        return first

    def _check_new_file(self, piece: File) -> None:
        if len(self._files) >= self._settings.cell_files_max:
            raise Nonsense("more files than its own limit allows")
        self._files_bytes += piece.size_bytes
        if not 0 <= piece.size_bytes <= self._settings.cell_file_bytes_max:
            raise Nonsense(f"a file of {piece.size_bytes} bytes")
        if self._files_bytes > self._settings.cell_files_bytes_max:
            raise Nonsense("files of more bytes than its own limit allows")
        if any(piece.name == file["name"] for file in self._files):
            raise Nonsense("the same file twice")
        check_name(piece.name)

    def announce_files(self) -> list[bytes]:
        """Return the one message that announces the files, if there are any."""
        files, self._files = self._files, []
        if not files:
            return []
        names = "\n".join(file["name"] for file in files)
        data = {FILES_TYPE: {"files": files}, "text/plain": names}
        return [self.text("display_data", {"data": data, "metadata": {}})]


def check_name(untrusted_name: str) -> None:
    """Refuse a name that is not a plain relative path. Raises Nonsense."""
    parts = untrusted_name.split("/")
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError as error:
        raise Nonsense("a file whose name is not UTF-8") from error
    if not all(0 < size <= NAME_BYTES_MAX for size in sizes) or len(untrusted_name.encode()) > 4 * NAME_BYTES_MAX:
        raise Nonsense("a file whose name is empty or too long")
    if any(part in (".", "..") for part in parts) or not untrusted_name.isprintable() or "\\" in untrusted_name:
        raise Nonsense(f"a file with the name {json.dumps(untrusted_name[:80])}")
