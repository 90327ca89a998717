"""Serves Jobe's four calls at its addresses, so that CodeRunner's questions run here: languages, runs and files.

The words (fields, outcomes, sentences) are those of Jobe's REST interface. A job is a computation in a session of its
own; what runs it there is ``untrusted/languages/programs/jobs.py``.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Response
from msgspec import Meta, Struct

from store import Submission
from web import languages, request_schemas, requesters
from web.context import here
from web.doors import jobe_answers, jobe_files, jobe_spec, waiting_run
from web.doors.jobe_answers import (
    INTERNAL_ERROR,
    MEMORY_LIMIT,
    OVERLOAD,
    PROBLEMS,
    RUNTIME_ERROR,
    SENTENCES,
    TIME_LIMIT,
    RunAnswer,
    answer,
)
from web.doors.waiting_run import Run
from web.operations import operation
from web.problems import ProblemError
from web.request_schemas import Source

routes = Blueprint("jobe", __name__)

RUNS = "/restapi/runs"
JOB_TYPE = "application/vnd.single-cell.job+json"
MODULE = "untrusted.languages.programs.jobs"
BEGIN_S = 10.0  # Jobe waits as long for a free place
SLACK_S = 25.0  # beside the job's own time: for a compiler, and for the way to and fro
UNKNOWN = "Unknown"  # what Jobe says of a version that it cannot tell
# How a session ended whose job has no outcome.
OF_REASONS = {
    "time_wall": TIME_LIMIT, "time_cpu": TIME_LIMIT, "cancelled": TIME_LIMIT, "memory": MEMORY_LIMIT,
    "processes": RUNTIME_ERROR, "output": RUNTIME_ERROR, "files": RUNTIME_ERROR,
    "kernel_died": RUNTIME_ERROR, "lost": OVERLOAD, "session_gone": OVERLOAD,
}  # fmt: skip


Words = list[Source]
FileId = Annotated[str, Meta(pattern=f"^{jobe_spec.ID.pattern}$")]
FileName = Annotated[str, Meta(pattern="^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]


class Parameters(Struct):
    """Limits of a job below the server's, and arguments (docs/http.md)."""

    cputime: float | str | None = 5
    memorylimit: float | str | None = 400
    disklimit: float | str | None = 20
    streamsize: float | str | None = 2
    numprocs: float | str | None = 30
    compileargs: Words | None = []
    linkargs: Words | None = []
    interpreterargs: Words | None = []
    runargs: Words | None = []


class RunSpec(Struct):
    """A job as openapi.json describes it: what clients of old send otherwise is read all the same (``jobe_spec``)."""

    language_id: Literal[tuple(jobe_spec.LANGUAGES)]  # type: ignore[valid-type]
    sourcecode: Source
    sourcefilename: Annotated[str, Meta(pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,99})?$")] | None = None
    input: Source | None = None
    file_list: list[tuple[FileId, FileName]] | None = None
    parameters: Parameters | Annotated[list[str], Meta(max_length=0)] | None = None  # PHP's empty object is a list


class NewRun(Struct):
    """A job to run."""

    run_spec: RunSpec


class _Outcome(Struct):
    """What a session says of its job; it can lie about nothing but this job."""

    outcome: Literal[11, 12, 13, 15]
    cmpinfo: str


class _Bundle(Struct):
    data: dict[str, msgspec.Raw]


@operation("List the languages of jobs, as Jobe does: pairs of name and version", {200: "application/json"})
def list_languages() -> Response:
    """Answer with those that can be run now."""
    versions, known = languages.served_now().versions, here().settings.languages
    found = [
        # Nobody has said the version of what runs in sessions of another language.
        (name, UNKNOWN if known[ours]["through"] else versions[ours])
        for name, ours in jobe_spec.LANGUAGES.items() if ours in versions and ours in known
    ]  # fmt: skip
    return answer(found)


@operation("Run a job and wait for its outcome, as Jobe does", {200: RunAnswer, **SENTENCES}, PROBLEMS, body=NewRun)
def run() -> Response:
    """Run the job in a session of its own; while too many wait, it is answered at once with the outcome 21."""
    settings, requester = here().settings, requesters.admit()
    job = jobe_spec.job(jobe_spec.read_json(request_schemas.json_bytes_max(settings)), settings)
    try:
        language = languages.checked(jobe_spec.LANGUAGES[job.language], None)
    except ProblemError:
        jobe_spec.refuse_language(job.language)
    requesters.check_language(language, None)
    if _is_overloaded():
        return answer(RunAnswer("", OVERLOAD))
    with ExitStack() as closing:
        submission = Submission(
            code=f"__import__({MODULE!r}, fromlist=['run']).run({job.text()!a})",
            language=settings.languages[language]["through"] or language,
            stdin=False,
            uploads=jobe_files.opened(job, closing),
            requester=requester,
            lane=requesters.lane(),
        )
        said = waiting_run.run(submission, job.limits["wall_s"] + SLACK_S, BEGIN_S, closing.close)
    return answer(_outcome_of(said))


def _is_overloaded() -> bool:
    """Return whether as many computations wait as can run at once. Raises StoreUnavailableError."""
    capacity = sum(account.get("capacity", 0) for account in here().device_reports.accounts())
    return capacity == 0 or here().store.computations.are_waiting(capacity)


def _outcome_of(said: Run) -> RunAnswer:
    computation, stdout, stderr = said.computation, "".join(said.stdout), "".join(said.stderr)
    if not computation.over:
        return RunAnswer(computation.id, TIME_LIMIT if said.has_begun else OVERLOAD)
    found = _told_by(said) if computation.state == "done" else None
    if found is not None:
        return RunAnswer(computation.id, found.outcome, found.cmpinfo, stdout, stderr)
    outcome = OF_REASONS.get(computation.reason or "", INTERNAL_ERROR)
    return RunAnswer(computation.id, outcome, stdout=stdout, stderr=stderr)


def _told_by(said: Run) -> _Outcome | None:
    """Return the outcome that the session tells of, None when it tells of none."""
    try:
        bundle = msgspec.json.decode(said.last("display_data") or b"", type=_Bundle)
        return msgspec.json.decode(bundle.data[JOB_TYPE], type=_Outcome)
    except (msgspec.MsgspecError, KeyError):
        return None


# Where Jobe is installed, and where its web server hides the script.
for prefix, name in (("/jobe/index.php/restapi", ""), ("/jobe/restapi", "_short")):
    for path, endpoint, view, method in (
        ("/languages", "languages", list_languages, "GET"),
        ("/runs", "runs", run, "POST"),
        ("/files/<id>", "put_file", jobe_files.put, "PUT"),
        ("/files/<id>", "head_file", jobe_files.head, "HEAD"),
    ):
        routes.add_url_rule(prefix + path, endpoint + name, view, methods=[method], strict_slashes=False)
jobe_answers.install(routes, RUNS)
