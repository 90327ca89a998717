"""Serves what Jupyter calls sessions: notebooks and consoles, each with its kernel. Of ours they are names, too."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response

from store import Kernel
from web.context import here
from web.doors import kernels_callers
from web.doors.kernels import CALLER, LISTED_MAX, create, end, existing, models_answer
from web.doors.kernels_callers import TOKEN
from web.doors.kernels_models import ChangedSession, NewSession, SessionModel, read, session_model, shortened
from web.message_pages import is_id
from web.operations import operation
from web.problems import refuse
from web.responses import address, json_answer

routes = Blueprint("kernels_notebooks", __name__)

NO_SESSION = "No session of Jupyter's has this id."
_BODY = {411: "The length of the body is missing.", 413: "The body is too long.",
         501: "There is no kernel of this name."}  # fmt: skip


@routes.get("/api/sessions")
@operation("List the caller's sessions of Jupyter's", {200: "application/json"}, CALLER, parameters=(TOKEN,))
def list_sessions() -> Response:
    """Answer with the sessions that were made with the same token."""
    kernels_callers.admit()
    kernels = here().store.kernels.of_owner(kernels_callers.owner_who_lists(), LISTED_MAX)
    return models_answer([session_model(kernel) for kernel in kernels if kernel.notebook is not None])


@routes.post("/api/sessions")
@operation(
    "Start a kernel for a notebook, or give it one that runs",
    {201: SessionModel},
    {**CALLER, **_BODY, 404: "The kernel that it names does not exist.",
     429: "From this address too many kernels were started."},
    body=NewSession, parameters=(TOKEN,), needs_body=False,
)  # fmt: skip
def make() -> Response:
    """Store the session, and answer with it and its kernel."""
    requester = kernels_callers.admit()
    body = read(NewSession)
    fields: dict[str, str | None] = {
        "notebook": str(uuid.uuid4()), "path": shortened(body.path), "title": shortened(body.name),
        "kind": shortened(body.type),
    }  # fmt: skip
    if body.kernel.id is None:
        kernel = create(body.kernel.name, requester.client, **fields)
    else:
        kernel = _changed(existing(body.kernel.id), **fields)
    return json_answer(session_model(kernel), 201, address(f"/api/sessions/{kernel.notebook}"))


@routes.get("/api/sessions/<id>")
@operation("Look at a session of Jupyter's", {200: SessionModel}, {**CALLER, 404: NO_SESSION}, parameters=(TOKEN,))
def look(id: str) -> Response:
    """Answer with the session and its kernel."""
    kernels_callers.admit()
    return json_answer(session_model(_existing(id)))


@routes.patch("/api/sessions/<id>")
@operation("Rename a session of Jupyter's, or give it another kernel", {200: SessionModel},
           {**CALLER, **_BODY, 404: NO_SESSION, 429: "From this address too many kernels were started."},
           body=ChangedSession, parameters=(TOKEN,), needs_body=False)  # fmt: skip
def change(id: str) -> Response:
    """Change what the body names; a kernel that has given way to another one is ended."""
    requester = kernels_callers.admit()
    body, kernel = read(ChangedSession), _existing(id)
    given = {"path": body.path, "title": body.name, "kind": body.type}
    fields = {name: shortened(value) for name, value in given.items() if isinstance(value, str)}
    wanted = body.kernel
    if wanted is None or (wanted.id == kernel.id) or (wanted.id is None and wanted.name is None):
        return json_answer(session_model(_changed(kernel, **fields)))
    old = {"notebook": kernel.notebook, "path": kernel.path, "title": kernel.title, "kind": kernel.kind, **fields}
    if wanted.id is not None:
        other = _changed(existing(wanted.id), **old)
    else:
        other = create(wanted.name, requester.client, **old)
    end(kernel)
    return json_answer(session_model(other))


@routes.delete("/api/sessions/<id>")
@operation("End a session of Jupyter's, and its kernel", {204: None}, {**CALLER, 404: NO_SESSION}, parameters=(TOKEN,))
def delete(id: str) -> Response:
    """End the kernel, and forget both."""
    kernels_callers.admit()
    end(_existing(id))
    return Response(status=204)


def _existing(untrusted_id: str) -> Kernel:
    kernel = here().store.kernels.at(untrusted_id) if is_id(untrusted_id) else None
    if kernel is None:
        refuse(404, "There is no session of Jupyter's with this id.")
    return kernel


def _changed(kernel: Kernel, **fields: str | None) -> Kernel:
    changed = here().store.kernels.change(kernel.id, **fields) if fields else kernel
    if changed is None:
        refuse(404, "The kernel has just ended.")
    return changed
