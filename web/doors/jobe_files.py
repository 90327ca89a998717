"""Keeps the files that Jobe's clients put here before the jobs that need them: PUT and HEAD .../files/<id>."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from contextlib import ExitStack
from io import BytesIO
from typing import Annotated, BinaryIO

from flask import Response
from msgspec import Meta, Struct

import store as stores
from store import OPERATOR
from web import clients, request_schemas, requesters
from web.computations import OTHER_UPLOADS, check_room
from web.context import here
from web.doors import jobe_spec
from web.doors.jobe_answers import PROBLEMS, SENTENCES, answer
from web.operations import operation
from web.problems import refuse

MISSING = "One or more of the specified files is missing/unavailable"
JSON_BYTES = 1024  # of a body beside the base64


class NewJobFile(Struct):
    """A file for jobs; ``file_contents`` is base64."""

    file_contents: Annotated[str, Meta(extra_json_schema={"pattern": request_schemas.BASE64})]


@operation(
    "Keep a file for jobs under an id, as its MD5, as Jobe does", {204: None, **SENTENCES}, PROBLEMS, body=NewJobFile
)
def put(id: str) -> Response:
    """Keep the file for whoever has the key that came along, else for this client."""
    settings, owner = here().settings, _owner()
    _check_id(id)
    file_bytes_max = min(stores.JOB_FILE_BYTES_MAX, settings.cell_file_bytes_max)
    body_bytes_max = min(settings.request_bytes_max, 4 * (file_bytes_max + 3) // 3 + JSON_BYTES)
    with here().client_shares.upload(*requesters.shares()) as granted:
        if not granted:
            refuse(429, OTHER_UPLOADS, reason="uploads")
        check_room()
        untrusted_text = jobe_spec.read_json(body_bytes_max).get("file_contents")
        if not isinstance(untrusted_text, str):
            refuse(400, "put: missing file_contents parameter")
        try:
            content = b64decode("".join(untrusted_text.split()), validate=True)
        except (Base64Error, ValueError):
            refuse(400, f"put: contents of file {id} are not valid base-64")
        if len(content) > file_bytes_max:
            refuse(413, f"put: file {id} is longer than {file_bytes_max} bytes")
        here().store.job_files.put(owner, id, content)
    return Response(status=204)


@operation("Ask whether a file for jobs is kept, as Jobe does", {204: None, **SENTENCES}, PROBLEMS)
def head(id: str) -> Response:
    """Answer 204 when it is there, else 404."""
    _check_id(id)
    return Response(status=204) if here().store.job_files.has(_owner(), id) else answer(MISSING, 404)


def opened(job: jobe_spec.Job, closing: ExitStack) -> list[tuple[str, BinaryIO]]:
    """Return names and contents of the files that a job needs; ``closing`` closes them and gives back their room.

    Together they are bounded as an upload is. Raises ProblemError 404, 413, 429; NoSpaceError, StoreUnavailableError.
    """
    if not job.files:
        return []
    if not closing.enter_context(here().client_shares.upload(*requesters.shares())):
        refuse(429, OTHER_UPLOADS, reason="uploads")
    owner, bytes_max, total_bytes = _owner(), here().settings.request_bytes_max, 0
    kept, found = dict[str, bytes](), list[tuple[str, BinaryIO]]()
    for id, name in job.files:
        content = kept[id] if id in kept else here().store.job_files.get(owner, id)
        if content is None:
            refuse(404, MISSING)
        kept[id] = content
        total_bytes += len(content)
        if total_bytes > bytes_max:
            refuse(413, f"The files of a job may have {bytes_max} bytes together")
        found.append((name, closing.enter_context(BytesIO(content))))
    closing.enter_context(here().store.space.reserve(total_bytes))
    return found


def _owner() -> tuple[str, ...]:
    """Return the names under which a requester's files are kept: nobody sees, or replaces, those of others."""
    key = requesters.admit().key
    if key is None:
        return clients.recent()
    return ("operator",) if key == OPERATOR else (f"key {key}",)


def _check_id(untrusted_id: str) -> None:
    if not (untrusted_id.isascii() and untrusted_id.isalnum()):
        refuse(404, "There is nothing at this address.")  # to Jobe it is no address of its own
    if not jobe_spec.ID.fullmatch(untrusted_id):
        refuse(400, "The id of a file has 8 to 64 letters and digits")
