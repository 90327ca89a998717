"""What goes to the device when a computation ends: its files in pieces, the messages held back, the end."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from untrusted.charter import Limits
from untrusted.files import harvest
from untrusted.session import Cell
from untrusted.slot import Slot
from wire import File, Finished, Frame, Message, Output


def deliver(session: str, cell: Cell, slot: Slot, limits: Limits, end: Finished) -> Iterator[Frame]:
    """Yield the frames that end a computation, one at a time, so that a big file is never whole in memory."""
    refusals: list[str] = []
    if slot.work_directory is not None:
        for name, size_bytes, pieces in harvest(slot.work_directory, cell.files_before, limits, refusals):
            for data, last in pieces:
                yield File(session, cell.computation, name, size_bytes, data, last)
    tail = cell.tail if end.state == "done" else []
    if refusals:
        tail = [_told(refusals), *tail]
    if tail:
        yield Output(session, cell.computation, tail)
    yield end


def _told(refusals: list[str]) -> Message:
    text = "".join(f"{sentence}\n" for sentence in refusals)
    return Message("stream", msgspec.json.encode({"name": "stderr", "text": text}))
