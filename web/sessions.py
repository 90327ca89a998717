"""Serves GET and DELETE /sessions/<id>, and introspection: complete, inspect and the open comms."""

from __future__ import annotations

from flask import Blueprint, Response
from msgspec import UNSET, UnsetType

from store import Session
from web import languages, request_schemas, requesters
from web.context import connection, here
from web.message_pages import is_id
from web.operations import operation
from web.parameters import KEY, TARGET
from web.problems import refuse
from web.request_schemas import CodeAtCursor, CodeToInspect
from web.responses import AcceptedAnswer, SessionAnswer, json_answer

REPLY_S = 6.0  # a worker has 5 seconds; without a reply by then no device has claimed it

routes = Blueprint("sessions", __name__)

NO_SESSION = "No session has this id."
GONE = "The session is gone."
MANY_QUESTIONS = "From your address, or this site, too many questions wait already; try again in a moment."
_INTROSPECTION_PROBLEMS = {
    **requesters.PROBLEMS,
    400: "The body is not right; the detail names the field.",
    404: NO_SESSION,
    409: "The session computes just now.",
    410: GONE,
    411: "The length of the body is missing.",
    413: "The code is too long.",
    415: "The body is not JSON.",
    422: "The language is unknown, not available, or not that of the session.",
    429: "From this address too many questions wait already.",
}


@routes.get("/sessions/<id>")
@operation("Look at a session", {200: SessionAnswer}, {404: NO_SESSION})
def look(id: str) -> Response:
    """Answer with the session; one that has ended is `gone`, with the reason."""
    session = _existing(id)
    return json_answer(
        SessionAnswer(
            id=session.id,
            language=session.language,
            state=session.state,
            computations=list(session.computations),
            expires=session.expires,
            reason=session.reason or UNSET,
        )
    )


@routes.delete("/sessions/<id>")
@operation("End a session now", {202: AcceptedAnswer}, {404: NO_SESSION, 410: GONE})
def end(id: str) -> Response:
    """Ask for the end of the session and of what it computes."""
    _alive(id)
    here().store.sessions.request_end(id)
    return json_answer(AcceptedAnswer(id, _existing(id).state), 202)


@routes.post("/sessions/<id>/complete")
@operation("Complete code in a session's namespace, or (`-`) in a fresh one", {200: "application/json"},
           _INTROSPECTION_PROBLEMS, body=CodeAtCursor, parameters=(KEY,))  # fmt: skip
def complete(id: str) -> Response:
    """Answer with the content of a Jupyter complete_reply."""
    requesters.admit()
    return _introspect(id, "complete", request_schemas.read(CodeAtCursor), 0)


@routes.post("/sessions/<id>/inspect")
@operation("Inspect code in a session's namespace, or (`-`) in a fresh one", {200: "application/json"},
           _INTROSPECTION_PROBLEMS, body=CodeToInspect, parameters=(KEY,))  # fmt: skip
def inspect(id: str) -> Response:
    """Answer with the content of a Jupyter inspect_reply."""
    requesters.admit()
    body = request_schemas.read(CodeToInspect)
    return _introspect(id, "inspect", body, body.detail_level)


@routes.get("/sessions/<id>/comms")
@operation("List the open comms of a session's kernel, of one target or all", {200: "application/json"},
           {status: said for status, said in _INTROSPECTION_PROBLEMS.items() if status not in (411, 413, 415)},
           parameters=(TARGET, KEY))  # fmt: skip
def comms(id: str) -> Response:
    """Answer with the content of a Jupyter comm_info_reply."""
    requesters.admit()
    return answer(id, _alive(id).language, "comm_info", TARGET.read() or "")


def _introspect(id: str, kind: str, body: CodeAtCursor, detail_level: int) -> Response:
    code = request_schemas.check_code(body.code)
    if body.cursor_pos > len(code):
        refuse(400, f"`cursor_pos` is beyond the end of the code, which is {len(code)}.")
    session_id, language = _subject(id, body.language)
    return answer(session_id, language, kind, code, body.cursor_pos, detail_level)


def answer(
    session_id: str | None, language: str, kind: str, code: str, cursor_pos: int = 0, detail_level: int = 0
) -> Response:
    """Ask a session, or a fresh namespace, and answer with what it says. Raises ProblemError."""
    requesters.check_language(language, session_id)
    introspections = here().store.introspections
    connection().sites = requesters.shares()[1]
    with here().client_shares.question(*requesters.shares()) as granted:
        if not granted:
            refuse(429, MANY_QUESTIONS, reason="questions")
        subject = introspections.put(session_id, language, kind, code, cursor_pos, detail_level)
        with here().connections.waiting(connection(), REPLY_S) as granted_s:
            reply = here().notifier.wait_until(
                subject, granted_s, lambda: introspections.reply_to(subject), lambda found: found is not None
            )
    if reply is None:
        refuse(503, "No worker was free to answer; try again in a moment.")
    if reply.status == "busy":
        refuse(409, "The session computes just now; ask again when it is idle.")
    if reply.status == "gone":
        refuse(410, "The session has ended.")
    if reply.status != "ok":
        refuse(503, "The kernel could not answer this question.")
    return Response(reply.content, headers={"Cache-Control": "no-store"}, content_type="application/json")


def _subject(id: str, language: str | UnsetType) -> tuple[str | None, str]:
    if id == "-":
        if not isinstance(language, str):
            refuse(400, "A question to a fresh namespace needs `language`.")
        return None, languages.checked(language, None)
    _alive(id)
    # Only the supervisor knows whether it computes: clients see the end of a turn before the session is idle here.
    return id, languages.checked(language, id)


def _existing(untrusted_id: str) -> Session:
    session = here().store.sessions.get(untrusted_id) if is_id(untrusted_id) else None
    if session is None:
        refuse(404, "There is no session with this id.")
    return session


def _alive(untrusted_id: str) -> Session:
    session = _existing(untrusted_id)
    if session.state == "gone":
        refuse(410, "The session has ended.")
    return session
