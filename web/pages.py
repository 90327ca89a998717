"""Serves the pages /, /embed, /exercises and /genes, and the embed script /embedded_singlecell.js."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from flask import Blueprint, Response, current_app, make_response, render_template, request

from web.assets import pinned_script
from web.context import here
from web.operations import operation
from web.responses import address

routes = Blueprint("pages", __name__)
LINK_CHARACTERS_MAX = 2000  # of an address that stands in another one, coded
SHARED = {"q", "c", "z"}  # with one of these in its address the page shows somebody's code

# Our own pages run our own files alone; what cells show is drawn in sandboxed frames.
PAGE_POLICY = (  # frame-ancestors, who may frame the page, comes last
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; media-src 'self' data: blob:; connect-src 'self'; frame-src 'self' blob: data:; "
    "worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'"
)
NO_FRAME = "; frame-ancestors 'none'"


@routes.get("/")
@operation("A page with one cell", {200: "text/html"})
def index() -> Response:
    """Answer with the page; its script reads `q`, `c`, `z`, `lang` and `autoeval` of the address."""
    # A tab each; the script shows those of the languages that can be run now.
    report = report_address()
    examples, gallery = _written_for("examples"), _written_for("gallery")
    oembed = oembed_address() if SHARED & request.args.keys() else ""
    return page("index.html", examples=examples, gallery=gallery, report=report, oembed=oembed)


@routes.get("/embed")
@operation("A page that writes the lines that put a cell into any other page", {200: "text/html"})
def embed() -> Response:
    """Answer with the page for authors."""
    pinned, integrity = pinned_script(current_app.static_folder or "")
    keys_required = here().settings.keys_required
    return page("embed.html", pinned=f"static/{pinned}", integrity=integrity, keys_required=keys_required)


@routes.get("/exercises")
@operation("A page with exercises", {200: "text/html"}, {507: "As many checks are published as the server keeps."})
def exercises() -> Response:
    """Answer with the page; its checks are published, if they are not yet."""
    return page("exercises.html", exercises=_written_for("exercises"))


@routes.get("/genes")
@operation("A page that compares two groups of samples, in R", {200: "text/html"})
def genes() -> Response:
    """Answer with the page; a server without R says in its cell how its owner installs it."""
    return page("genes.html")


@routes.app_template_filter("check")
def publish_check(source: str, language: str) -> str:
    """Publish a check that stands in a template; return its id."""
    return here().store.checks.publish(language, str(source).strip() + "\n").id


@routes.get("/embedded_singlecell.js")
@operation("The embed script", {200: "text/javascript"})
def script() -> Response:
    """Answer with the script that pages of any origin may load."""
    response = current_app.send_static_file("embedded_singlecell.js")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _written_for(folder: str) -> list[tuple[str, str]]:
    """Return name and label of the languages for which a folder of templates has something."""
    written = current_app.jinja_env.list_templates(filter_func=lambda name: name.startswith(f"{folder}/"))
    languages = here().settings.languages
    return [(name, entry["label"]) for name, entry in languages.items() if f"{folder}/{name}.html" in written]


def report_address() -> str:
    """Return where readers report code that somebody else put into this page, "" where there is no such code."""
    address_of_operator = here().settings.report_address
    if not address_of_operator or not SHARED & request.args.keys():
        return ""
    if "@" not in address_of_operator or "//" in address_of_operator:
        return address_of_operator
    shown = request.args.get("q", "a link")[:64]
    return f"mailto:{address_of_operator}?{urlencode({'subject': f'Report: {shown}'}, quote_via=quote)}"


def oembed_address() -> str:
    """Return where others learn which frame shows the page that is asked for, "" where its address is too long."""
    url = address(request.full_path.rstrip("?"))
    return address(f"/oembed?{urlencode({'url': url})}") if len(url) <= LINK_CHARACTERS_MAX else ""


def page(template: str, status: int = 200, framing: str = NO_FRAME, **more: object) -> Response:
    """Return one of our own pages. ``framing``: the end of its policy, which says who may frame it."""
    # What a page loads comes from where it came from itself, as its policy says; only what it gives away to be used
    # elsewhere names the public address.
    settings = here().settings
    own = {"key": settings.pages_key, "is_keyless": settings.keys_required and not settings.pages_key}
    text = render_template(template, root=request.script_root, server=address("/"), **own, **more)
    response = make_response(text, status)
    response.headers["Content-Security-Policy"] = PAGE_POLICY + framing
    response.headers["Cache-Control"] = "no-cache"
    return response
