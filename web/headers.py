"""Adds headers to every answer that say who may read it (CORS) and what browsers must not do with it."""

from __future__ import annotations

from flask import Flask, Response, request
from flask_cors import CORS

from settings import Settings, listed
from web.problems import KIND

REPEATED = "Idempotent-Replayed"  # on the answer to what was there already
EXPOSED = (
    "Location", "Retry-After", "ETag", "Content-Range", "Accept-Ranges", "Content-Disposition", "Content-Length", KIND,
    REPEATED,
)  # fmt: skip
ALLOWED = (
    "Content-Type", "Idempotency-Key", "Last-Event-ID", "Range", "If-None-Match", "If-Range", "Cache-Control",
    "X-API-KEY",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
# What Jupyter's clients send beside; its API has its own patterns of addresses.
OF_JUPYTER = {"allow_headers": (*ALLOWED, "Authorization", "X-XSRFToken"), "methods": (*METHODS, "PATCH")}
# SageMathCell's script sends these with credentials, and its browser then wants the page's origin by name. There are no
# cookies; what a proxy in front lets in by a password, it lets in for these few, which tell nothing.
OF_SAGEMATHCELL = {"supports_credentials": True, "send_wildcard": False}
ASKED_BY_SAGEMATHCELL = r"/(kernel|kernel/[^/]*|permalink|sockjs/.*|tos\.html)"
PREFLIGHT_S = 86400


OF_ALL = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
# Opened in a window of its own, no answer of the API is a page that runs anything.
OF_THE_API = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}


def install(app: Flask, settings: Settings) -> None:
    """Put the headers on every answer of the application, errors included."""
    CORS(
        app,
        origins=origins(settings.cors_origins),
        methods=METHODS,
        allow_headers=ALLOWED,
        resources={r"/api(/.*)?": OF_JUPYTER, ASKED_BY_SAGEMATHCELL: OF_SAGEMATHCELL, r"/.*": {}},
        expose_headers=EXPOSED,
        max_age=PREFLIGHT_S,
        supports_credentials=False,
        send_wildcard=True,
    )
    app.after_request(_harden)


def origins(setting: str) -> str | list[str]:
    """Return the origins that the setting allows: "*", or those that it separates by commas or spaces."""
    return "*" if setting.strip() == "*" else listed(setting)


def allowed(settings: Settings, untrusted_origin: str | None) -> dict[str, str]:
    """Return what lets a page of this origin read an answer that was made without the application."""
    known = origins(settings.cors_origins)
    if known != "*" and untrusted_origin not in known:
        return {"Vary": "Origin"}
    origin = "*" if known == "*" else untrusted_origin or ""
    exposed = ", ".join(EXPOSED)
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": exposed, "Vary": "Origin"}


def _harden(response: Response) -> Response:
    for name, value in (OF_ALL if response.mimetype == "text/html" else {**OF_ALL, **OF_THE_API}).items():
        response.headers.setdefault(name, value)
    if response.mimetype == "text/html" and request.endpoint == "static":
        # The frame in which output is shown: whoever opens it, it does not run on our origin.
        response.headers.setdefault("Content-Security-Policy", "sandbox allow-scripts")
    return response
