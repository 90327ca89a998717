"""Serves what pages written for SageMathCell ask for, at its addresses and in its words.

The words (arguments of a query or a form, the shape of the answers) are those of SageMathCell's permalink.py.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import urlsafe_b64encode
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, request

from web import languages, request_body, request_schemas, requesters
from web.context import here
from web.operations import operation
from web.parameters import CALLBACK, KEY, PERMALINK
from web.problems import refuse
from web.responses import address, json_answer

routes = Blueprint("sagecell", __name__)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANGUAGE = re.compile(r"[A-Za-z0-9_+.-]{1,40}")
_OWN = "sage"
_COUNT = re.compile(r"-?[0-9]{1,15}", re.ASCII)
COUNT_MAX = 10**15 - 1
FORM = {
    "type": "object",
    "required": ["code"],
    "properties": {
        "code": {"type": "string", "pattern": request_schemas.NO_NUL},
        "language": {"type": "string", "pattern": f"^{_LANGUAGE.pattern}$", "default": _OWN},
        "interacts": {"type": "string", "pattern": request_schemas.NO_NUL, "default": "[]"},
        "n": {"type": "integer", "minimum": -COUNT_MAX, "maximum": COUNT_MAX, "description": "Comes back as it is."},
    },
}
# The answer in a frame is a page on our origin: it may speak to its parent and do nothing else.
FRAME_POLICY = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'"


class ZippedPermalink(msgspec.Struct, frozen=True, omit_defaults=True):
    """Code as ``?z=`` takes it, its id for ``?q=``, the states of its interacts zipped, and the request's own ``n``."""

    zip: str
    query: str
    interacts: str
    n: int | None = None


@routes.get("/embedded_sagecell.js")
@operation("The script with SageMathCell's API", {200: "text/javascript"})
def script() -> Response:
    """Answer with the script that pages of SageMathCell load, at the address that older ones name."""
    response = current_app.send_static_file("embedded_sagecell.js")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@routes.post("/tos.html")
@operation("Ask for SageMathCell's terms of service: there are none here", {204: None})
def terms() -> Response:
    """Answer with nothing, so that SageMathCell's script asks its reader for no consent."""
    return Response(status=204)


@routes.get("/help.html")
@operation("The page behind the link *Help* below the outputs of SageMathCell's script", {302: None})
def help_page() -> Response:
    """Lead to the page of what runs here."""
    return Response(status=302, headers={"Location": address("/installed")})


@routes.post("/permalink")
@operation(
    "Keep code as SageMathCell does: the fields of a form, or arguments of the query",
    {200: ZippedPermalink},
    {**requesters.PROBLEMS, 400: "`code` is missing, or an argument is not right.",
     408: "The body did not arrive, or too slowly.", 411: "The length of the body is missing.",
     413: "The code is too long.", 410: requesters.REMOVED,
     429: "From this address as many were made today as a day allows."},
    form=FORM, parameters=(KEY,),
)  # fmt: skip
def create() -> Response:
    """Store the code; with `frame` the answer is a page that posts it to its parent, for browsers of old."""
    client = requesters.admit().client
    request_body.read_form(request_schemas.json_bytes_max(here().settings))
    code = request.values.get("code")
    if code is None:
        refuse(400, "The argument `code` is missing.")
    language = request.values.get("language", _OWN)
    if not _LANGUAGE.fullmatch(language):
        refuse(400, "`language` has to be the name of a language.")
    interacts = request_schemas.check_code(request.values.get("interacts", "[]"), "interacts")
    count = request.values.get("n")
    if count is not None and not _COUNT.fullmatch(count):
        refuse(400, "`n` has to be a whole number.")
    query = here().store.permalinks.create(request_schemas.check_code(code), language, interacts, client)
    answer = ZippedPermalink(_zipped(code), query, _zipped(interacts), None if count is None else int(count))
    if "frame" not in request.values:
        return json_answer(answer)
    message = json.dumps(msgspec.json.encode(answer).decode())
    page = Response(f'<script>parent.postMessage({message},"*");</script>', content_type="text/html; charset=utf-8")
    page.headers["Content-Security-Policy"] = FRAME_POLICY
    return page


@routes.get("/permalink")
@operation(
    "Get what a permalink keeps, as SageMathCell does: `[code, language, interacts]`",
    {200: "application/json"},
    {400: "`callback` is not the name of a function.", 404: "No permalink has this id.",
     410: requesters.REMOVED},
    parameters=(PERMALINK, CALLBACK),
)
def look() -> Response:
    """Answer with the list; with `callback` as a script that calls it with the list's JSON text."""
    callback = CALLBACK.read()
    id = PERMALINK.read() or ""
    found = here().store.permalinks.get(id) if _ID.fullmatch(id) else None
    if found is None:
        refuse(404, "There is no permalink with this id.")
    kept: list[Any] = [found.code, found.language, found.interacts]
    if callback is None:
        return Response(json.dumps(kept), content_type="application/json")
    script = Response(f"{callback}({json.dumps(json.dumps(kept))});", content_type="application/javascript")
    script.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return script


def language_of_links() -> str:
    """Return the language of code for which nobody names one: SageMathCell's where it can be run, else the first."""
    served, first = languages.served_now(), next(iter(here().settings.languages))
    return _OWN if _OWN in here().settings.languages and served.may_wait(_OWN) else first


def _zipped(text: str) -> str:
    return urlsafe_b64encode(zlib.compress(text.encode())).decode()
