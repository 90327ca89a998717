"""Has a published check judge an answer: the check runs in a session of its own, and asks the answer's for values.

The check's text goes from the store into that session and nowhere else. What passes between the two sessions passes
here: expressions of the check one way, plain data of the answer the other way.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

import store as stores
from store import Check, Computation, Submission
from web import requesters
from web.computations import check_room, store_submission
from web.context import Context, here
from web.message_pages import read_page
from web.problems import refuse
from web.responses import Verdict

VERDICT_TYPE = "application/vnd.single-cell.check+json"
EXAMINATION_S = 25.0  # proxies give up a request that waits for longer than 30 s or so
PROBE_S = 8.0  # the supervisor ends one after 7
PROBES_MAX = 100  # requests for values that one examination may make
VALUES_BYTES_MAX = 4 << 20  # of all replies to them: they lie in one document, with all that the check was told
OUTPUT_CHARS_MAX = 64 << 10  # of what the answer printed, for the check to read
NOT_ITS_FAULT = ("lost", "session_gone", "cancelled")  # why a check's computation ended: it may be tried again
NO_VALUES = "{}"  # to the check: every expression has failed
FAULTY = "The check of this exercise came to no verdict. Please tell its author."
NO_PLACE = "The check found no free place; try again in a moment."
TOO_LONG = "The check took too long. What it asks of your answer may take long, too."
BUSY = "The session computes just now; ask again when it is idle."
GONE = "The session of this computation has ended; run the code again."


class _OutOfTimeError(Exception):
    """The request has waited for as long as it may."""


class Examination:
    """One check of one computation, as long as the request for its verdict waits."""

    def __init__(self, check: Check, answer: Computation, granted_s: float) -> None:
        self._context: Context = here()
        self._check, self._answer = check, answer
        self._until = time.monotonic() + granted_s

    def verdict(self) -> Verdict:
        """Return the verdict. Raises ProblemError, StoreUnavailableError, NoSpaceError, ClientFullError."""
        output, error = self._said()
        if error:
            return Verdict(correct=False, message=error[:2000], type="error")
        # An answer may be as long as a cell, and so may be what it printed: this is no body of a request.
        request = {"check": self._check.source, "code": self._context.store.computations.code_of(self._answer.id),
                   "output": output}  # fmt: skip
        call = f"__import__('untrusted.kernel.examiner', fromlist=['']).examine({json.dumps(request)!a})"
        entry = self._context.settings.languages.get(self._check.language)
        written_in = entry["checks"] if entry else ""
        language = written_in if isinstance(written_in, str) and written_in else self._check.language
        submission = Submission(call, language, requester=requesters.admit(), lane=requesters.lane())
        requesters.check_budgets()
        check_room()
        store_submission(submission)
        try:
            return self._follow(submission.id)
        except _OutOfTimeError:
            self._cancel(submission.id)
            begun = self._context.store.computations.get(submission.id)
            if begun is None or begun.started is None:
                refuse(503, NO_PLACE)
            return Verdict(correct=False, message=TOO_LONG, type="error")
        except BaseException:
            self._cancel(submission.id)  # nobody waits for it any more
            raise

    def _cancel(self, id: str) -> None:
        with suppress(stores.StoreError):
            self._context.store.computations.request_cancel(id)

    def _said(self) -> tuple[str, str]:
        """Return what the answer printed, and the exception that it ended with, "" for none."""
        printed, error, chars = list[str](), "", 0
        after = -1
        while True:
            page = read_page(self._context, self._answer.id, after)
            for message in page.messages:
                if b'"stdout"' in message and chars < OUTPUT_CHARS_MAX:
                    content = _content(message, "stream")
                    if content is not None and content["name"] == "stdout":
                        printed.append(content["text"])
                        chars += len(content["text"])
                if b'"execute_reply"' in message:
                    reply = _content(message, "execute_reply") or {}
                    if reply.get("status") == "error":
                        error = f"{reply['ename']}: {reply['evalue']}"
            if page.whole:
                return "".join(printed)[:OUTPUT_CHARS_MAX], error
            # Of a long output the beginning and the end are enough.
            after = page.next if chars < OUTPUT_CHARS_MAX else max(page.next, page.computation.sequence - 8)

    def _follow(self, id: str) -> Verdict:
        """Follow the check to its end; give it the values that it asks for."""
        verdict: Verdict | None = None
        after, probes, values_bytes = -1, 0, 0
        while True:
            page = self._wait(id, partial(read_page, self._context, id, after), lambda it: it.messages or it.finished)
            for message in page.messages:
                if VERDICT_TYPE.encode() in message and (content := _content(message, "display_data")):
                    verdict = _read(content["data"].get(VERDICT_TYPE)) or verdict
            after = page.next
            if page.finished:
                if verdict is None and page.computation.reason in NOT_ITS_FAULT:
                    refuse(503, NO_PLACE)
                return verdict or _faulty("it ended without a verdict")
            asked = _content(page.messages[-1], "input_request") if page.messages else None
            if asked is not None and page.computation.asking:
                expressions = _expressions(asked["prompt"])
                probes += 1
                if expressions is None or probes > PROBES_MAX:
                    self._cancel(id)
                    return _faulty("it asks with input(), or too often")
                values = self._probe(asked["prompt"]) if values_bytes < VALUES_BYTES_MAX else NO_VALUES
                values_bytes += len(values)
                with suppress(stores.ComputationOverError, stores.NotAskingError):
                    self._context.store.computations.answer(id, values)

    def _probe(self, expressions: str) -> str:
        """Return what the answer's session says to expressions. Raises ProblemError when it has ended or computes."""
        introspections = self._context.store.introspections
        subject = introspections.put(self._answer.session, self._check.language, "probe", expressions, 0)
        reply = self._wait(subject, lambda: introspections.reply_to(subject), lambda found: found is not None, PROBE_S)
        if reply is None or reply.status == "gone":
            refuse(410, GONE)
        if reply.status == "busy":
            refuse(409, BUSY)
        return reply.content.decode() if reply.status == "ok" else NO_VALUES

    def _wait(self, subject: str, look: Callable[[], Any], enough: Callable[[Any], Any], most_s: float = 1e9) -> Any:
        left_s = self._until - time.monotonic()
        found = self._context.notifier.wait_until(subject, min(left_s, most_s), look, lambda it: bool(enough(it)))
        if time.monotonic() >= self._until:
            raise _OutOfTimeError
        return found


def _content(message: bytes, msg_type: str) -> dict[str, Any] | None:
    found: dict[str, Any] = msgspec.json.decode(message)
    return found["content"] if found["header"]["msg_type"] == msg_type else None


def _expressions(prompt: str) -> list[str] | None:
    try:
        return msgspec.json.decode(prompt, type=list[str])
    except msgspec.DecodeError:
        return None


def _read(untrusted: object) -> Verdict | None:
    try:
        return msgspec.convert(untrusted, Verdict)
    except msgspec.ValidationError:
        return None


def _faulty(fault: str) -> Verdict:
    return Verdict(correct=False, message=FAULTY, type="error", fault=fault)
