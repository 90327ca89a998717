"""Serves GET /cell: a page of one cell, for frames in the pages of others."""

from __future__ import annotations

import re
import zlib
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error

from flask import Blueprint, Response, request

from settings import listed
from store import Permalink, RemovedError
from web import languages, request_schemas
from web.context import here
from web.operations import operation
from web.pages import NO_FRAME, oembed_address, page
from web.parameters import Text
from web.problems import ProblemError, refuse

routes = Blueprint("cell_page", __name__)

# Attributes of <single-cell> (docs/embedding.md) that the address may set. Not among them: `server` and `frame-hosts`,
# whose hosts the page's policy keeps out, `link-key`: the cell of a frame has nobody to share its kernel with, and
# `locations`: there is nothing else in its page.
ATTRIBUTES = (
    "languages", "autorun", "linked", "readonly", "collapsed", "hide", "template", "stdin", "keep-output",
    "placeholder", "label", "run-label", "theme", "data-check", "attempts", "key", "line-numbers", "mark-lines",
    "min-lines", "max-lines",
)  # fmt: skip
ANY_TEXT = r"[^\x00]*"
CODE = Text("code", "The code.", ANY_TEXT)
SETUP = Text("setup", "Code that runs before it, hidden.", ANY_TEXT)
ZIPPED = Text("z", "The code compressed: zlib, then URL-safe base64.", r"[A-Za-z0-9_=-]*")
ZIPPED_SETUP = Text("zsetup", "The setup compressed in the same way.", r"[A-Za-z0-9_=-]*")
KEPT = Text("q", "Id of a permalink, instead of code, setup and language.", r"[A-Za-z0-9_-]{1,64}")
LANGUAGE = Text("language", "Name of the code's language.", r"[a-z][a-z0-9_]{0,39}")
TAG = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}"
SPOKEN = Text("lang", "Language of the buttons, as en or pt-BR; else that of the browser.", TAG)
OPTIONS = tuple(Text(name, "As the attribute of the element has it.", r"[^\x00]{0,300}") for name in ATTRIBUTES)
RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")


@routes.get("/iframe", endpoint="iframe")
@routes.get("/cell")
@operation(
    "A page of one cell for a frame, which tells the page around it how high it is",
    {200: "text/html", 400: "text/html", 404: "text/html", 410: "text/html", 413: "text/html", 422: "text/html"},
    {400: "An argument is not right.", 404: "No permalink has this id.",
     410: "The operator has taken the code of the permalink down.", 413: "The code is too long.",
     422: "The language is unknown, or cannot be run now."},
    parameters=(CODE, ZIPPED, KEPT, SETUP, ZIPPED_SETUP, LANGUAGE, SPOKEN, *OPTIONS),
)  # fmt: skip
def cell() -> Response:
    """Answer with the page; what is wrong with its address, it says to whoever looks at it."""
    framing = _framing(here().settings.frame_origins)
    try:
        spoken = SPOKEN.read() or _preferred()
        shared = _shared()
        options = {option.name: option.read() for option in OPTIONS}
        attributes = {name: value for name, value in options.items() if value is not None}
        language = languages.checked(shared.language or next(iter(here().settings.languages)), None)
        label = here().settings.languages[language]["label"]
    except ProblemError as problem:
        return page("cell.html", problem.status, framing, spoken="en", problem=problem.detail)
    response = page(
        "cell.html", framing=framing, spoken=spoken, direction="rtl" if spoken[:2] in RIGHT_TO_LEFT else "ltr",
        shared=shared, language=language, attributes=attributes, title=attributes.get("label") or f"{label} cell",
        oembed=oembed_address(),
    )  # fmt: skip
    response.vary.add("Accept-Language")
    return response


def _framing(frame_origins: str) -> str:
    """Return the end of the page's policy. For any page there is none: `*` leaves out those of files and of apps."""
    if frame_origins.strip() == "*":
        return ""
    origins = " ".join(listed(frame_origins))
    return f"; frame-ancestors {origins}" if origins else NO_FRAME


def _preferred() -> str:
    """Return the language that the browser asks for first, English when it does not say."""
    first = next((name for name in request.accept_languages.values() if re.fullmatch(TAG, name)), "en")
    return str(first)


def _shared() -> Permalink:
    """Return code, language ("": the address names none) and setup. Raises ProblemError."""
    id, language = KEPT.read(), LANGUAGE.read()
    code, setup = _text(CODE, ZIPPED), _text(SETUP, ZIPPED_SETUP)
    if id is None:
        return Permalink(code, language or "", setup=setup)
    if code or setup:
        refuse(400, "`q` stands for the code and its setup; the address must not have them, too.")
    try:
        found = here().store.permalinks.get(id)
    except RemovedError as removed:
        refuse(410, str(removed), reason="removed")
    if found is None:
        refuse(404, "There is no permalink with this id.")
    return found


def _text(plain: Text, zipped: Text) -> str:
    """Return a text that is given in one of two ways. Raises ProblemError."""
    text, packed = plain.read(), zipped.read()
    if text is not None and packed is not None:
        refuse(400, f"`{plain.name}` and `{zipped.name}` are two ways to say the same; use one.")
    if packed is not None:
        text = _unpacked(packed, zipped.name)
    return request_schemas.check_code(text or "", plain.name if packed is None else zipped.name)


def _unpacked(untrusted_text: str, name: str) -> str:
    bytes_max = here().settings.code_bytes_max
    try:
        packed = urlsafe_b64decode(untrusted_text + "=" * (-len(untrusted_text) % 4))
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(packed, bytes_max + 1)  # one more, so that what is too long is refused as such
        if not unpacking.eof and len(text) <= bytes_max:
            raise ValueError
        return text.decode(errors="ignore" if len(text) > bytes_max else "strict")
    except (Base64Error, zlib.error, ValueError):
        refuse(400, f"`{name}` is damaged: it has to be zlib, then URL-safe base64.")
