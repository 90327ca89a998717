"""Serves POST /permalinks and GET /permalinks/<id>: code under a short address."""

from __future__ import annotations

import re

from flask import Blueprint, Response
from msgspec import UNSET

from web import languages, request_schemas, requesters
from web.context import here
from web.operations import operation
from web.parameters import KEY
from web.problems import refuse
from web.request_schemas import NewPermalink
from web.responses import PermalinkAnswer, PermalinkContent, address, json_answer

routes = Blueprint("permalinks", __name__)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@routes.post("/permalinks")
@operation(
    "Keep code under a short address",
    {201: PermalinkAnswer},
    {
        **requesters.PROBLEMS,
        410: requesters.REMOVED,
        400: "The body is not right; the detail names the field.",
        411: "The length of the body is missing.",
        413: "The code is too long.",
        415: "The body is not JSON.",
        422: "The language is unknown.",
        429: "From this address as many permalinks were made today as a day allows.",
    },
    body=NewPermalink,
    parameters=(KEY,),
)
def create() -> Response:
    """Store the code; answer with its id and the address of its page."""
    client = requesters.admit().client
    body = request_schemas.read(NewPermalink)
    code = request_schemas.check_code(body.code)
    setup = request_schemas.check_code(body.setup, "setup")
    language = languages.checked(body.language, None)
    id = here().store.permalinks.create(code, language, client=client, setup=setup)
    return json_answer(PermalinkAnswer(id, address(f"/?q={id}")), 201, location=address(f"/permalinks/{id}"))


@routes.get("/permalinks/<id>")
@operation(
    "Get the code behind a permalink",
    {200: PermalinkContent},
    {404: "No permalink has this id.", 410: requesters.REMOVED},
)
def look(id: str) -> Response:
    """Answer with the code, its language and its setup."""
    permalink = here().store.permalinks.get(id) if _ID.fullmatch(id) else None
    if permalink is None:
        refuse(404, "There is no permalink with this id.")
    return json_answer(PermalinkContent(permalink.code, permalink.language, permalink.setup or UNSET))
