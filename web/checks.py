"""Serves /checks, where the operator publishes the checks of exercises, and POST /computations/<id>/verdict."""

from __future__ import annotations

import ast

import msgspec
from flask import Blueprint, Response
from msgspec import UNSET

from store import Check
from web import operator, request_schemas, requesters
from web.context import connection, here
from web.examinations import EXAMINATION_S, FAULTY, GONE, NO_PLACE, Examination
from web.message_pages import existing_computation, is_id
from web.operations import operation
from web.parameters import KEY, PAGE
from web.problems import refuse
from web.request_schemas import NewCheck, VerdictRequest
from web.responses import CheckAnswer, CheckContent, ChecksAnswer, VerdictAnswer, address, json_answer

routes = Blueprint("checks", __name__)

NO_CHECK = "No check has this id."
NOT_OPERATOR = "Only the operator may do this: with the key of `operator_key`, or without one on the server's loopback."


@routes.post("/checks")
@operation(
    "Publish the check of an exercise",
    {201: CheckAnswer},
    {
        400: "The body is not right; the detail names the field.",
        403: NOT_OPERATOR,
        411: "The length of the body is missing.",
        413: "The check is too long.",
        415: "The body is not JSON.",
        422: "The language is unknown or has no checks, or the check is no code in it.",
        507: "As many checks are published as the server keeps.",
    },
    body=NewCheck,
)
def publish() -> Response:
    """Keep the check; answer with its id, which is the same for the same text."""
    _only_operator()
    body = request_schemas.read(NewCheck)
    source = request_schemas.check_code(body.source, "source")
    _check_source(body.language, source)
    check = here().store.checks.publish(body.language, source)
    return json_answer(_described(check), 201, location=address(f"/checks/{check.id}"))


@routes.get("/checks")
@operation("List the checks, without their texts", {200: ChecksAnswer}, {403: NOT_OPERATOR})
def list_checks() -> Response:
    """Answer with all checks, the oldest first."""
    _only_operator()
    return json_answer(ChecksAnswer([_described(check) for check in here().store.checks.all()]))


@routes.get("/checks/<id>")
@operation("Look at a check", {200: CheckContent}, {403: NOT_OPERATOR, 404: NO_CHECK})
def look(id: str) -> Response:
    """Answer with the check and its text."""
    _only_operator()
    check = _existing(id)
    return json_answer(CheckContent(check.id, check.language, check.published, check.source))


@routes.delete("/checks/<id>")
@operation("Delete a check", {204: None}, {403: NOT_OPERATOR, 404: NO_CHECK})
def delete(id: str) -> Response:
    """Delete the check; pages that name it can no longer ask for verdicts."""
    _only_operator()
    if not is_id(id) or not here().store.checks.delete(id):
        refuse(404, "There is no check with this id.")
    return Response(status=204)


@routes.post("/computations/<id>/verdict")
@operation(
    "Have a check judge a computation that has just ended, and the state that it left",
    {200: VerdictAnswer},
    {
        **requesters.PROBLEMS,
        400: "The body is not right; the detail names the field.",
        404: "No computation has this id.",
        409: "The computation has not come to its own end, or its session has run something else since.",
        410: GONE,
        411: "The length of the body is missing.",
        413: "The body is too long.",
        415: "The body is not JSON.",
        422: "No check has this id, or it is for another language.",
        503: NO_PLACE,
    },
    parameters=(KEY, PAGE),
    body=VerdictRequest,
)
def judge(id: str) -> Response:
    """Answer with the verdict, which the computation keeps."""
    requesters.admit()
    body = request_schemas.read(VerdictRequest)
    computation = existing_computation(id)
    check = _existing(body.check, 422)
    if check.language != computation.language:
        refuse(422, f"The check is for {check.language}; the computation ran {computation.language}.")
    if computation.state != "done":
        refuse(409, f"The computation is {computation.state}; one that is done can be checked.")
    session = here().store.sessions.get(computation.session)
    if session is None or session.state == "gone" or not computation.keep:
        refuse(410, GONE)
    if session.computations[-1] != id:
        refuse(409, "The session has run something else since; run the code again.")
    with here().connections.waiting(connection(), EXAMINATION_S) as granted_s:
        if granted_s < EXAMINATION_S:
            refuse(503, NO_PLACE)
        verdict = Examination(check, computation, granted_s).verdict()
    if verdict.fault is not UNSET:
        # What went wrong in the check may say what is in it.
        fault = verdict.fault if operator.has_proven() else UNSET
        verdict = msgspec.structs.replace(verdict, message=FAULTY, fault=fault)
    answer = VerdictAnswer(check=check.id, **msgspec.structs.asdict(verdict))
    here().store.computations.keep_verdict(id, msgspec.json.encode(msgspec.structs.replace(answer, fault=UNSET)))
    return json_answer(answer)


def _only_operator() -> None:
    if not operator.has_proven():
        refuse(403, NOT_OPERATOR)


def _existing(untrusted_id: str, status: int = 404) -> Check:
    check = here().store.checks.get(untrusted_id) if is_id(untrusted_id) else None
    if check is None:
        refuse(status, "There is no check with this id; it may have been deleted.")
    return check


def _described(check: Check) -> CheckAnswer:
    return CheckAnswer(check.id, check.language, check.published)


def _check_source(language: str, source: str) -> None:
    """Refuse what no reader's answer should ever be judged by. Raises ProblemError 422."""
    languages = here().settings.languages
    with_checks = [name for name, entry in languages.items() if entry["checks"]]
    if language not in with_checks:
        refuse(422, f"Checks are written in {' or '.join(with_checks)}, not in {language[:40]!r}.")
    if not source.strip():
        refuse(422, "The check is empty: it would call every answer right.")
    written_in = languages[language]["checks"]
    if "python" not in (language, written_in):
        return
    try:
        ast.parse(source)
    except SyntaxError as error:
        refuse(422, f"The check is no Python: {error.msg} on line {error.lineno}.")
    except (ValueError, RecursionError, MemoryError):
        refuse(422, "The check is no Python: it is nested too deep.")
