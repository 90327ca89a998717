"""Reads multipart/form-data part by part: fields, files in parts named ``file``, buffers in parts named ``buffer``.

It uses Werkzeug's decoder, but not its form parser, which takes broken bodies for empty ones and wrong UTF-8 for right.
Files go to spooled temporary files, never whole into memory; buffers, which are short, stay there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, NoReturn, Protocol, cast

from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData, Preamble

from settings import Settings
from web.names import check_name
from web.problems import refuse
from web.request_schemas import BUFFERS_MAX

MEDIA_TYPE = "multipart/form-data"
PIECE_BYTES = 16 << 10
PART_HEAD_BYTES = 2 * PIECE_BYTES
HEADS_BYTES = 64 << 10  # of a body may be heads of its parts, which are not stored
FIELDS_MAX = 8
SPOOLED_BYTES = 512 << 10  # of the first file stay in memory; what is more, and other files, go to the disk
MESSAGE, BUFFER, UPLOAD = "message", "buffer", "file"
_QUOTED_PAIR = re.compile(r'\\[\\"]')

Uploads = list[tuple[str, BinaryIO]]


class Stream(Protocol):
    """Something to read a body from."""

    def read(self, bytes_max: int, /) -> bytes:
        """Return some bytes, none at the end."""


@dataclass
class Form:
    """What a body has: fields by name, files and buffers in their order."""

    fields: dict[str, bytearray] = field(default_factory=dict)
    uploads: Uploads = field(default_factory=list)
    buffers: list[bytearray] = field(default_factory=list)

    @property
    def message_bytes(self) -> int:
        """How long the comm message is that came in parts."""
        return sum(map(len, [self.fields.get(MESSAGE, b""), *self.buffers]))


def read(
    stream: Stream, boundary: str, settings: Settings, names: Collection[str], closing: ExitStack | None = None
) -> Form:
    """Return the parts of a body with fields of these names; ``closing`` closes its files, None: it may have none.

    Raises ProblemError.
    """
    if not 0 < len(boundary) <= 200:
        refuse(400, "The multipart body has no boundary.")
    found = Form()
    part: Field | File | None = None
    try:
        for event in _events(stream, boundary.encode("latin-1", "replace"), settings):
            if isinstance(event, (Field, File)):
                part = event
                _begin(part, found, settings, names, closing)
            elif isinstance(event, Data) and part is not None:
                _take(event.data, part, found, settings)
    except (ValueError, TypeError):
        refuse(400, "The multipart body is broken or cut short.")
    for _name, file in found.uploads:
        file.seek(0)
    return found


def _events(stream: Stream, boundary: bytes, settings: Settings) -> Iterator[Event]:
    # The parts are counted by their names below; the decoder's count only stops a flood of empty ones. Its buffer
    # bounds the head of a part, which costs it up to 200 ns for each byte; everything else costs a tenth of that.
    parts_max = max(settings.cell_files_max, BUFFERS_MAX) + FIELDS_MAX
    decoder = MultipartDecoder(boundary, PART_HEAD_BYTES, max_parts=parts_max)
    while True:
        decoder.receive_data(stream.read(PIECE_BYTES) or None)
        while not isinstance(event := decoder.next_event(), NeedData):
            if not isinstance(event, Preamble):
                yield event
            if isinstance(event, Epilogue):
                return


def _begin(
    part: Field | File, found: Form, settings: Settings, names: Collection[str], closing: ExitStack | None
) -> None:
    """Make a place for what a part has. Raises ProblemError."""
    if isinstance(part, Field):
        found.fields[_field_name(part, found.fields, names, closing is not None)] = bytearray()
    elif part.name == BUFFER and MESSAGE in names:
        if len(found.buffers) == BUFFERS_MAX:
            refuse(400, f"A message has more than {BUFFERS_MAX} `buffers`.")
        found.buffers.append(bytearray())
    elif closing is None:
        refuse(400, f"The buffers of a message have to come in parts named `{BUFFER}`.")
    else:
        name = _upload_name(part, found.uploads, settings)
        found.uploads.append((name, _spool(closing, first=not found.uploads)))


def _take(data: bytes | bytearray, part: Field | File, found: Form, settings: Settings) -> None:
    """Put into its place what has come of a part. Raises ProblemError."""
    if isinstance(part, Field):
        place = found.fields[part.name]
        place += data
        # A code one byte too long has to get as far as the check that says so.
        bytes_max = settings.code_bytes_max
        if part.name != MESSAGE and len(place) > bytes_max + 1:
            said = f"`{part.name}` is longer than {bytes_max} bytes of UTF-8."
            refuse(413, said, reason="code_long", bytes=bytes_max)
    elif part.name == BUFFER:
        found.buffers[-1] += data
    else:
        _write(data, part, found.uploads[-1][1], settings.cell_file_bytes_max)
    if part.name in (MESSAGE, BUFFER) and found.message_bytes > settings.message_bytes_max:
        refuse_long_message(settings)


def refuse_long_message(settings: Settings) -> NoReturn:
    """Refuse a comm message of too many bytes. Raises ProblemError."""
    refuse(413, f"The message is longer than {settings.message_bytes_max} bytes, its buffers included.")


def _write(data: bytes | bytearray, part: File, file: BinaryIO, bytes_max: int) -> None:
    if file.tell() + len(data) > bytes_max:
        name = part.filename
        refuse(413, f"The file {name!r} is longer than {bytes_max} bytes.",
               reason="file_long", name=name, bytes=bytes_max)  # fmt: skip
    file.write(data)


def _spool(closing: ExitStack, *, first: bool) -> BinaryIO:
    return cast(BinaryIO, closing.enter_context(SpooledTemporaryFile(SPOOLED_BYTES if first else 1)))


def _upload_name(part: File, uploads: Uploads, settings: Settings) -> str:
    if part.name != UPLOAD:
        refuse(400, "A file has to come in a part named `file`.")
    if "\\" in _QUOTED_PAIR.sub("", part.headers["Content-Disposition"]):
        # Werkzeug would drop it, and the name would be another one.
        refuse(400, "A file name has a backslash; only a plain name without a path is allowed.")
    name = check_name(part.filename)
    if name in (other for other, _file in uploads):
        refuse(400, f"Two files are named {name!r}.")
    if len(uploads) == settings.cell_files_max:
        most = settings.cell_files_max
        refuse(413, f"More than {most} files are uploaded.", reason="files_many", name=name, count=most)
    return name


def _field_name(part: Field, fields: Collection[str], names: Collection[str], takes_files: bool) -> str:
    if part.name in (UPLOAD, BUFFER):
        refuse(400, f"The part `{part.name}` has no file name.")
    if part.name not in names:
        others = [*([UPLOAD] if takes_files else []), *([BUFFER] if MESSAGE in names else [])]
        refuse(400, f"The body has an unknown field; it may have {', '.join([*names, *others])}.")
    if part.name in fields:
        refuse(400, f"The body gives `{part.name}` more than once.")
    return part.name
