"""Serves the files that a computation made or changed: GET /computations/<id>/files and /files/<id>/<name>."""

from __future__ import annotations

from typing import IO, Any, cast
from urllib.parse import quote

from flask import Blueprint, Response, request
from werkzeug.wsgi import FileWrapper

from web.context import here
from web.message_pages import existing_computation, is_id
from web.operations import operation
from web.problems import refuse
from web.responses import FileAnswer, FilesAnswer, address, json_answer

PIECE_BYTES = 256 << 10
INLINE_TYPES = {"text/plain", "text/csv", "application/pdf"}  # and images; all else is saved, not shown
# Foreign bytes on our own origin: no script, no form, no frame of ours, nothing loaded.
CONTENT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors *"

routes = Blueprint("files", __name__)


@routes.get("/computations/<id>/files")
@operation("List the files of a computation", {200: FilesAnswer}, {404: "No computation has this id."})
def list_files(id: str) -> Response:
    """Answer with the files as this computation left them, even when a later one changed them."""
    existing_computation(id)
    return json_answer(FilesAnswer(answers(id)))


@routes.get("/files/<id>/<path:name>")
@operation(
    "Get a file, or a range of it",
    {200: "application/octet-stream", 206: "application/octet-stream", 304: None},
    {404: "There is no such file.", 416: "The file has no such range."},
)
def send(id: str, name: str) -> Response:
    """Stream the file from the database in pieces; it is never whole in memory."""
    file = here().store.files.open(id, name) if is_id(id) and "\0" not in name else None
    if file is None:
        refuse(404, "There is no such file; it may be older than the server keeps them.")
    response = Response(
        FileWrapper(cast(IO[bytes], file), PIECE_BYTES), direct_passthrough=True, content_type=_shown_type(file.type)
    )
    response.content_length = file.size
    response.set_etag(file.etag)
    response.headers["Content-Disposition"] = _disposition(file.type, name.rpartition("/")[2])
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    # A computation's file never changes; its address cannot be guessed and is not for shared caches.
    kept_s = min(here().settings.retention_s, here().settings.files_retention_s)
    response.headers["Cache-Control"] = f"private, max-age={int(kept_s)}, immutable"
    response.make_conditional(_understood(request.environ), accept_ranges=True, complete_length=file.size)
    return response


def answers(id: str) -> list[FileAnswer]:
    """Return what is told of the files of a computation. Raises StoreUnavailableError."""
    return [
        FileAnswer(file.name, int(file.size), file.type, address(f"/files/{id}/{quote(file.name)}"))
        for file in here().store.files.list(id)
    ]


def _understood(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the request without a Range that the whole file answers: of a unit unknown to us, or several at once."""
    asked = environ.get("HTTP_RANGE", "").strip().lower()
    if asked.startswith("bytes=") and "," not in asked:
        return environ
    return {name: value for name, value in environ.items() if name != "HTTP_RANGE"}


def _shown_type(media_type: str) -> str:
    # A text without charset is read in the browser's own, and is UTF-8 nearly always.
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def _disposition(media_type: str, name: str) -> str:
    """Return the header of RFC 6266: the name in ASCII, and in RFC 5987's coding when it is not."""
    kind = "inline" if media_type in INLINE_TYPES or media_type.startswith("image/") else "attachment"
    plain = "".join(character if " " <= character <= "~" and character not in '"\\%' else "_" for character in name)
    header = f'{kind}; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"
