"""Serves GET /oembed: the frame that shows a link to code of this server in pages of others (oembed.com, 1.0)."""

from __future__ import annotations

from html import escape
from typing import Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Blueprint, Response, request
from msgspec import Struct

from store import RemovedError
from web import sagecell
from web.context import here
from web.operations import operation
from web.pages import SHARED
from web.parameters import Text
from web.problems import refuse
from web.responses import address, json_answer

routes = Blueprint("oembed", __name__)

URL = Text("url", "Address of a page of this server that shows code: `/?q=…`, `/?c=…`, `/?z=…`, `/cell?…`.",
           r"[^\x00-\x20]{1,7000}")  # fmt: skip
MAXWIDTH = Text("maxwidth", "Most pixels of the frame across.", r"[1-9][0-9]{0,4}")
MAXHEIGHT = Text("maxheight", "Most pixels of the frame from top to bottom.", r"[1-9][0-9]{0,4}")
WIDTH_PX, HEIGHT_PX = 640, 360  # the cell tells its height to who listens (docs/embedding.md)
KEPT_S = 86400
FRAMES = ("/cell", "/iframe")
# What the link of a page is called in the address of a frame.
OF_LINKS = {"c": "code", "z": "z", "q": "q", "setup": "setup", "zsetup": "zsetup", "lang": "language"}
OTHER = "`url` has to be the address of a page of this server that shows code."


class OEmbedAnswer(Struct, frozen=True):
    """A frame for a page of somebody else's, as oEmbed has it; sizes are in pixels."""

    html: str
    title: str
    width: int
    height: int
    provider_url: str
    provider_name: str = "Single cell"
    version: Literal["1.0"] = "1.0"
    type: Literal["rich"] = "rich"
    cache_age: int = KEPT_S


@routes.get("/oembed")
@operation(
    "Get the frame that shows a link to code of this server, as oEmbed has it",
    {200: OEmbedAnswer},
    {400: "A parameter is missing or not right.", 404: "The address is not that of code on this server.",
     410: "The operator has taken the code down.", 501: "Only JSON is answered."},
    parameters=(URL, MAXWIDTH, MAXHEIGHT),
)  # fmt: skip
def oembed() -> Response:
    """Answer with the frame, its size and its title."""
    untrusted_url, most_px = URL.read(), (MAXWIDTH.read(), MAXHEIGHT.read())
    if untrusted_url is None:
        refuse(400, "The parameter `url` is missing.")
    if request.args.get("format", "json") != "json":  # as oEmbed has it; openapi.json does not offer another
        refuse(501, "This server answers in JSON alone: `format=json`.")
    frame = _frame(untrusted_url)
    language = _kept_language(frame["q"]) if "q" in frame else frame.get("language", "")
    known = here().settings.languages
    title = frame.get("label") or (f"{known[language]['label']} cell" if language in known else "A cell")
    width_px, height_px = (min(own, int(most or own)) for own, most in zip((WIDTH_PX, HEIGHT_PX), most_px, strict=True))
    source = escape(address(f"/iframe?{urlencode(frame)}"))
    html = (
        f'<iframe src="{source}" title="{escape(title)}" width="{width_px}" height="{height_px}"'
        ' style="border: 0; max-width: 100%" loading="lazy" allow="clipboard-write"></iframe>'
    )
    return json_answer(OEmbedAnswer(html, title, width_px, height_px, address("/")))


def _frame(untrusted_url: str) -> dict[str, str]:
    """Return the arguments of the frame that shows a page of this server. Raises ProblemError 404."""
    try:
        parts = urlsplit(untrusted_url)
        found = {name: values[-1] for name, values in parse_qs(parts.query, True, max_num_fields=100).items()}
    except ValueError:
        refuse(404, OTHER)
    own = urlsplit(address("/"))
    path = parts.path or "/"
    is_ours = parts.netloc in (own.netloc, request.host) and path.startswith(own.path)
    if not is_ours or parts.scheme not in ("http", "https"):
        refuse(404, OTHER)
    path = "/" + path.removeprefix(own.path)
    if path in FRAMES:
        return found
    if path != "/" or not SHARED & found.keys():
        refuse(404, OTHER)
    frame = {OF_LINKS[name]: value for name, value in found.items() if name in OF_LINKS}
    return frame if "q" in frame else {"language": sagecell.language_of_links(), **frame}


def _kept_language(untrusted_id: str) -> str:
    """Return the language of a permalink. Raises ProblemError 404, 410."""
    try:
        found = here().store.permalinks.get(untrusted_id)
    except RemovedError as removed:
        refuse(410, str(removed), reason="removed")
    if found is None:
        refuse(404, "There is no permalink with this id.")
    return found.language
