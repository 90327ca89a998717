"""Serves what Jupyter's clients ask of a server: its version, its state, its kernelspecs, who one is.

There are no terminals and no contents: these addresses are answered 404, as by a Jupyter server without them.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from flask import Blueprint, Response
from msgspec import Struct

from web.context import here
from web.doors import kernels_callers, kernels_specs
from web.doors.kernels import CALLER
from web.doors.kernels_callers import TOKEN
from web.doors.kernels_models import SpecsAnswer
from web.doors.kernels_specs import KernelSpec
from web.operations import operation
from web.problems import refuse
from web.responses import json_answer

routes = Blueprint("kernels_server", __name__)

VERSION = "2.17.0"  # of jupyter_server, whose API this is
STARTED = datetime.now(timezone.utc)


class VersionAnswer(Struct, frozen=True):
    """The version of the API."""

    version: str


class StatusAnswer(Struct, frozen=True):
    """The state of the server, as far as it is the caller's business."""

    started: str
    last_activity: str
    connections: int
    kernels: int


class Identity(Struct, frozen=True):
    """Who the caller is: nobody that we know."""

    username: str
    name: str
    display_name: str
    initials: str
    avatar_url: str | None
    color: str | None


class MeAnswer(Struct, frozen=True):
    """Who the caller is, and what it may do."""

    identity: Identity
    permissions: dict[str, Any]


@routes.get("/api")
@operation("The version of Jupyter's API", {200: VersionAnswer})
def version() -> Response:
    """Answer with the version."""
    return json_answer(VersionAnswer(VERSION))


@routes.get("/api/status")
@operation("The state of the server, for Jupyter's clients", {200: StatusAnswer}, CALLER, parameters=(TOKEN,))
def status() -> Response:
    """Answer that the server is there; how many others use it is nobody's business."""
    kernels_callers.admit()
    form = "%Y-%m-%dT%H:%M:%S.%fZ"
    now = datetime.now(timezone.utc)
    return json_answer(StatusAnswer(STARTED.strftime(form), now.strftime(form), 0, 0))


@routes.get("/api/me")
@operation("Who the caller is, for Jupyter's clients", {200: MeAnswer}, CALLER, parameters=(TOKEN,))
def me() -> Response:
    """Answer with nobody, who may do what everybody may."""
    kernels_callers.admit()
    return json_answer(MeAnswer(Identity("anonymous", "Anonymous", "Anonymous", "A", None, None), {}))


@routes.get("/api/kernelspecs")
@operation("List the kernels that can be started", {200: SpecsAnswer}, CALLER, parameters=(TOKEN,))
def list_specs() -> Response:
    """Answer with a kernelspec for each language that runs now or soon."""
    kernels_callers.admit()
    names = kernels_specs.names() or list(here().settings.languages)[:1]
    return json_answer(SpecsAnswer(names[0], {name: kernels_specs.spec_of(name) for name in names}))


@routes.get("/api/kernelspecs/<name>")
@operation("Look at a kernel that can be started", {200: KernelSpec}, {**CALLER, 404: "There is none of this name."},
           parameters=(TOKEN,))  # fmt: skip
def look_at_spec(name: str) -> Response:
    """Answer with the kernelspec."""
    kernels_callers.admit()
    if name not in kernels_specs.names():
        refuse(404, "There is no kernel of this name.")
    return json_answer(kernels_specs.spec_of(name))
