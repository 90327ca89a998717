"""Serves the page /installed: the languages of this server, and the packages that their cells can import."""

from __future__ import annotations

from flask import Blueprint, Response

from web.context import here
from web.languages import served_now
from web.operations import operation
from web.pages import page

routes = Blueprint("installed", __name__)


@routes.get("/installed")
@operation("A page that lists the languages and their packages, with versions", {200: "text/html"})
def installed() -> Response:
    """Answer with the page."""
    served = served_now()
    languages = [
        {
            "name": name,
            **{key: entry[key] for key in ("label", "install", "through")},
            "version": served.versions.get(name, ""),
            "is_there": name in served.versions,
            "is_loading": name not in served.versions and served.may_wait(name),
            "packages": sorted(served.packages.get(name, {}).items()),
        }
        for name, entry in here().settings.languages.items()
    ]
    return page("installed.html", languages=languages)
