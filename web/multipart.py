"""Reads a computation from multipart/form-data: the fields of the JSON body, and files in parts named ``file``.

It uses Werkzeug's decoder, but not its form parser, which takes broken bodies for empty ones and wrong UTF-8 for right.
Files go to spooled temporary files, never whole into memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, NoReturn, Protocol, cast

import msgspec
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData, Preamble

from settings import Settings
from web.names import check_name
from web.problems import refuse
from web.request_schemas import NO_NUL, NewComputation

MEDIA_TYPE = "multipart/form-data"
PIECE_BYTES = 16 << 10
PART_HEAD_BYTES = 2 * PIECE_BYTES
HEADS_BYTES = 64 << 10  # of a body may be heads of its parts, which are not stored
SPOOLED_BYTES = 512 << 10  # of the first file stay in memory; what is more, and other files, go to the disk
FIELDS = ("code", "language", "session", "keep", "stdin", "scheme")
SCHEMES = ["light", "dark"]
_QUOTED_PAIR = re.compile(r'\\[\\"]')
_BOOLEANS = {b"true": True, b"false": False}

Uploads = list[tuple[str, BinaryIO]]


class Stream(Protocol):
    """Something to read a body from."""

    def read(self, bytes_max: int, /) -> bytes:
        """Return some bytes, none at the end."""


def schema(settings: Settings) -> dict[str, object]:
    """Return the JSON Schema of the body."""
    return {
        "type": "object",
        "required": ["code"],
        "additionalProperties": False,
        "properties": {
            "code": {"type": "string", "pattern": NO_NUL},
            "language": {"enum": list(settings.languages)},
            "session": {"type": "string"},
            "keep": {"enum": ["true", "false"]},
            "stdin": {"enum": ["true", "false"]},
            "scheme": {"enum": SCHEMES},
            "file": {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}},
        },
    }


def read_computation(
    stream: Stream, boundary: str, settings: Settings, closing: ExitStack
) -> tuple[NewComputation, Uploads]:
    """Return the fields and files of a body; ``closing`` closes the files. Raises ProblemError."""
    if not 0 < len(boundary) <= 200:
        refuse(400, "The multipart body has no boundary.")
    fields: dict[str, bytes] = {}
    uploads: Uploads = []
    part: Field | File | None = None
    bytes_left = 0
    try:
        for event in _events(stream, boundary.encode("latin-1", "replace"), settings):
            if isinstance(event, File):
                part, bytes_left = event, settings.cell_file_bytes_max
                uploads.append((_upload_name(event, uploads, settings), _spool(closing, first=not uploads)))
            elif isinstance(event, Field):
                # A code one byte too long has to get as far as the check that says so.
                part, bytes_left = event, settings.code_bytes_max + 1
                fields[_field_name(event, fields)] = b""
            elif isinstance(event, Data) and part is not None:
                bytes_left -= len(event.data)
                if bytes_left < 0:
                    _refuse_long(part, settings)
                if isinstance(part, File):
                    uploads[-1][1].write(event.data)
                else:
                    fields[part.name] += event.data
    except (ValueError, TypeError):
        refuse(400, "The multipart body is broken or cut short.")
    for _name, file in uploads:
        file.seek(0)
    return _computation(fields), uploads


def _events(stream: Stream, boundary: bytes, settings: Settings) -> Iterator[Event]:
    # The parts are counted by their names below; the decoder's count only stops a flood of empty ones. Its buffer
    # bounds the head of a part, which costs it up to 200 ns for each byte; everything else costs a tenth of that.
    decoder = MultipartDecoder(boundary, PART_HEAD_BYTES, max_parts=settings.cell_files_max + len(FIELDS) + 1)
    while True:
        decoder.receive_data(stream.read(PIECE_BYTES) or None)
        while not isinstance(event := decoder.next_event(), NeedData):
            if not isinstance(event, Preamble):
                yield event
            if isinstance(event, Epilogue):
                return


def _spool(closing: ExitStack, *, first: bool) -> BinaryIO:
    return cast(BinaryIO, closing.enter_context(SpooledTemporaryFile(SPOOLED_BYTES if first else 1)))


def _upload_name(part: File, uploads: Uploads, settings: Settings) -> str:
    if part.name != "file":
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


def _field_name(part: Field, fields: dict[str, bytes]) -> str:
    if part.name == "file":
        refuse(400, "The part `file` has no file name.")
    if part.name not in FIELDS:
        refuse(400, f"The body has an unknown field; it may have {', '.join(FIELDS)} and file.")
    if part.name in fields:
        refuse(400, f"The body gives `{part.name}` more than once.")
    return part.name


def _refuse_long(part: Field | File, settings: Settings) -> NoReturn:
    if isinstance(part, File):
        bytes_max, name = settings.cell_file_bytes_max, part.filename
        refuse(413, f"The file {name!r} is longer than {bytes_max} bytes.",
               reason="file_long", name=name, bytes=bytes_max)  # fmt: skip
    bytes_max = settings.code_bytes_max
    refuse(413, f"`{part.name}` is longer than {bytes_max} bytes of UTF-8.", reason="code_long", bytes=bytes_max)


def _computation(fields: dict[str, bytes]) -> NewComputation:
    values: dict[str, object] = {}
    for name, untrusted_bytes in fields.items():
        if name in ("keep", "stdin"):
            if untrusted_bytes not in _BOOLEANS:
                refuse(400, f"`{name}` has to be true or false.")
            values[name] = _BOOLEANS[untrusted_bytes]
            continue
        try:
            values[name] = untrusted_bytes.decode()
        except UnicodeDecodeError:
            refuse(400, f"`{name}` is not UTF-8.")
    if values.get("scheme", "light") not in SCHEMES:
        refuse(400, "`scheme` has to be light or dark.")
    return msgspec.convert(values, NewComputation)
