"""Serves POST /service, as SageMathCell does: code in, all that it said out, in one answer.

The words are those of SageMathCell's ServiceHandler; ``value``, ``language`` and ``files`` are ours.
"""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Blueprint, Response, request
from msgspec import UNSET, Raw, Struct, UnsetType

from store import Submission
from web import files, languages, problems, request_body, request_schemas, requesters, sagecell
from web.context import here
from web.doors import waiting_run
from web.operations import operation
from web.parameters import KEY, PAGE, PROOF
from web.problems import ProblemError, refuse
from web.responses import FileAnswer, json_answer

routes = Blueprint("service", __name__)

# SageMathCell's own two.
CODE_CHARS_MAX = 65000
RUN_S = 30.0
PERCENT_BYTES = 12  # of a form for one character at worst: %F0%9F%98%80
IN_WORDS = (403, 413)
TOO_LONG = f"The code may have {CODE_CHARS_MAX} characters."
NO_TERMS = "This server has no terms of service: `accepted_tos` has to be true, or left out."
FORM = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "pattern": request_schemas.NO_NUL,
                 "description": f"Several are joined as they are; together at most {CODE_CHARS_MAX} characters."},
        "accepted_tos": {"enum": ["true"]},
        "user_expressions": {"type": "string", "contentMediaType": "application/json", "default": "{}"},
        "language": {"type": "string"},
        "value": {"enum": ["true", "false"], "default": "false"},
        "files": {"enum": ["true", "false"], "default": "false"},
    },
}  # fmt: skip


class ServiceAnswer(Struct, frozen=True):
    """What code said. ``success``: whether it came to its end without an exception, in time.

    ``execute_reply``: as Jupyter has it, with the values of ``user_expressions``. ``value``: the MIME bundle of the
    last expression, ``files``: those that the code made, where they were asked for.
    """

    success: bool
    stdout: str | UnsetType = UNSET
    stderr: str | UnsetType = UNSET
    execute_reply: Raw | UnsetType = UNSET
    value: Raw | UnsetType | None = UNSET
    files: list[FileAnswer] | UnsetType = UNSET


class _Reply(Struct):
    status: str


class _Result(Struct):
    data: Raw


@routes.post("/service")
@operation(
    "Run code and wait for all that it says, as SageMathCell's service does",
    {200: ServiceAnswer, 403: "text/plain", 413: "text/plain"},
    {**requesters.PROBLEMS, 400: "A field is not right.", 408: "The body did not arrive, or too slowly.",
     411: "The length of the body is missing.", 422: "The language is unknown, or cannot be run now."},
    form=FORM, parameters=(KEY, PAGE, PROOF),
)  # fmt: skip
def service() -> Response:
    """Run the code in a session of its own; what takes longer than 30 s is no success."""
    requester = requesters.admit()
    settings = here().settings
    bytes_max = min(PERCENT_BYTES * (CODE_CHARS_MAX + settings.code_bytes_max), settings.request_bytes_max)
    request.max_form_memory_size = bytes_max
    request_body.read_form(bytes_max)
    if request.values.get("accepted_tos", "true") != "true":
        refuse(403, NO_TERMS)
    code = "".join(request.values.getlist("code"))
    if len(code) > CODE_CHARS_MAX:
        refuse(413, TOO_LONG)
    if "\0" in code:
        refuse(400, "`code` has a NUL character, which no program may contain.")
    wants_value, wants_files, expressions = _wishes("value"), _wishes("files"), _expressions()
    asked = request.values.get("language", sagecell.language_of_links())
    language = languages.checked(asked, None)
    requesters.check_language(language, None)
    said = waiting_run.run(
        Submission(code, language, stdin=False, requester=requester, lane=requesters.lane(),
                   user_expressions=expressions),
        RUN_S,
    )  # fmt: skip
    return json_answer(_answer(said, wants_value, wants_files))


@routes.errorhandler(ProblemError)
def _refused(problem: ProblemError) -> Response:
    """Answer in words alone where SageMathCell does."""
    response = problems.answer(problem.status, problem.detail, problem.headers, problem.reason, problem.challenge)
    if problem.status in IN_WORDS:
        response.data, response.content_type = f"{problem.detail}\n".encode(), "text/plain; charset=utf-8"
    return response


def _answer(said: waiting_run.Run, wants_value: bool, wants_files: bool) -> ServiceAnswer:
    reply, result = said.last("execute_reply"), said.last("execute_result")
    is_right = reply is not None and msgspec.json.decode(reply, type=_Reply).status == "ok"
    value = msgspec.json.decode(result, type=_Result).data if result is not None else None
    return ServiceAnswer(
        success=is_right and said.computation.state == "done",
        stdout="".join(said.stdout) or UNSET,
        stderr="".join(said.stderr) or UNSET,
        execute_reply=UNSET if reply is None else reply,
        value=value if wants_value else UNSET,
        files=files.answers(said.computation.id) if wants_files else UNSET,
    )


def _wishes(name: str) -> bool:
    """Return whether a field says true. Raises ProblemError."""
    text = request.values.get(name, "false")
    if text not in ("true", "false"):
        refuse(400, f"`{name}` has to be true or false.")
    return text == "true"


def _expressions() -> dict[str, str]:
    """Return the expressions that are to be evaluated after the code, by name. Raises ProblemError."""
    untrusted_text: Any = request.values.get("user_expressions") or "{}"
    try:
        found = msgspec.json.decode(untrusted_text, type=dict[str, str])
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        refuse(400, "`user_expressions` has to be a JSON object of texts.")
    return request_schemas.check_expressions(found)
