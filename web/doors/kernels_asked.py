"""Keeps with a turn what its client asked, and makes of what the kernel says an answer to that."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from web.doors.kernels_frames import Named

THIS = b'"msg_id":"this"'  # what an Output catches, as the kernel says it (docs/messages.md)


class Asked(Struct):
    """What is kept of a message that asked for a turn.

    ``header``: its header, ``by``: who sent it. ``silent``: whether its code and result are not shown. ``stops``:
    whether what waits behind it is not run after an error.
    """

    header: Raw
    by: str
    silent: bool = False
    stops: bool = False


def caught(content: Raw, asked: Raw) -> Raw:
    """Return the content of a comm message in which an Output that catches names the message whose output it is.

    Quotes inside of texts are escaped, so what is found is a name and its value.
    """
    text = bytes(content)
    if THIS not in text:
        return content
    msg_id = msgspec.json.encode(msgspec.json.decode(asked, type=Named).msg_id)
    return Raw(text.replace(THIS, b'"msg_id":%b' % msg_id))


class _Status(Struct):
    status: str = ""


def has_failed(content: Raw) -> bool:
    return msgspec.json.decode(content, type=_Status).status == "error"
