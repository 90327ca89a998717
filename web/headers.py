"""Adds headers to every answer that say who may read it (CORS) and what browsers must not do with it."""

from __future__ import annotations

from flask import Flask, Response, request
from flask_cors import CORS

from settings import Settings, listed
from web.problems import KIND

EXPOSED = (
    "Location", "Retry-After", "ETag", "Content-Range", "Accept-Ranges", "Content-Disposition", "Content-Length", KIND,
)  # fmt: skip
ALLOWED = (
    "Content-Type", "Idempotency-Key", "Last-Event-ID", "Range", "If-None-Match", "If-Range", "Cache-Control",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS")
PREFLIGHT_S = 86400


def install(app: Flask, settings: Settings) -> None:
    """Put the headers on every answer of the application, errors included."""
    CORS(
        app,
        origins=origins(settings.cors_origins),
        methods=METHODS,
        allow_headers=ALLOWED,
        expose_headers=EXPOSED,
        max_age=PREFLIGHT_S,
        supports_credentials=False,
        send_wildcard=True,
    )
    app.after_request(_harden)


def origins(setting: str) -> str | list[str]:
    """Return the origins that the setting allows: "*", or those that it separates by commas or spaces."""
    return "*" if setting.strip() == "*" else listed(setting)


def _harden(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    if response.mimetype != "text/html":
        # Opened in a window of its own, no answer of the API is a page that runs anything.
        response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    elif request.endpoint == "static":
        # The frame in which output is shown: whoever opens it, it does not run on our origin.
        response.headers.setdefault("Content-Security-Policy", "sandbox allow-scripts")
    return response
