"""Reads query parameters strictly, and describes them for openapi.json."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from flask import request

from settings import Settings
from store import EVENT_KINDS, MARK
from web.problems import refuse

_NUMBER = re.compile(r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,3})?", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,15}", re.ASCII)
SEQUENCE_MAX = 10**15 - 1  # of more digits no number is read


class Wait(msgspec.Struct, frozen=True):
    """The parameter ``wait``: the longest time that the request may wait, in seconds."""

    name: str = "wait"
    place: str = "query"
    description: str = "Longest time that the request may wait for something new, in seconds."

    def read(self, settings: Settings) -> float:
        """Return the seconds, 0 when the request has none. Raises ProblemError."""
        text = _one_text(self.name)
        if text is None:
            return 0.0
        wait_s = float(text) if _NUMBER.fullmatch(text) else None
        if wait_s is None or not 0 <= wait_s <= settings.wait_s_max:
            refuse(400, f"`wait` has to be a number of seconds from 0 to {settings.wait_s_max}.")
        return wait_s

    def schema(self, settings: Settings) -> dict[str, Any]:
        """Return the parameter's JSON Schema."""
        return {"type": "number", "minimum": 0, "maximum": settings.wait_s_max, "default": 0}


class After(msgspec.Struct, frozen=True):
    """The parameter for the last message that the client has: in the query, or for events in ``Last-Event-ID``."""

    name: str = "after"
    place: str = "query"
    description: str = "Sequence of the last message that the client has; -1 asks for all from the start."

    def read(self) -> int | None:
        """Return the sequence, None when the request has none. Raises ProblemError."""
        text = _one_text(self.name) if self.place == "query" else request.headers.get(self.name)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text) or int(text) < -1:
            refuse(400, f"`{self.name}` has to be the sequence of a message: a whole number, -1 or more.")
        return int(text)

    def schema(self, settings: Settings) -> dict[str, Any]:
        """Return the parameter's JSON Schema."""
        return {"type": "integer", "minimum": -1, "maximum": SEQUENCE_MAX, "default": -1}


class Text(msgspec.Struct, frozen=True):
    """A parameter, or a header, whose text has to match a pattern."""

    name: str
    description: str
    pattern: str
    place: str = "query"

    def read(self) -> str | None:
        """Return the text, None when the request has none. Raises ProblemError."""
        text = _one_text(self.name) if self.place == "query" else request.headers.get(self.name)
        if text is not None and not re.fullmatch(self.pattern, text):
            refuse(400, f"`{self.name}` is not right: {self.description}")
        return text

    def schema(self, settings: Settings) -> dict[str, Any]:
        """Return the parameter's JSON Schema."""
        return {"type": "string", "pattern": f"^{self.pattern}$"}


Parameter = Wait | After | Text

WAIT = Wait()
AFTER = After()
PERMALINK = Text("q", "Id of a permalink.", r"[A-Za-z0-9_-]{1,64}")
KEY = Text(
    "key", "The key of the page; an API key comes in `Authorization: Bearer KEY`.", r"(page|api)_[A-Za-z0-9_-]{22,64}"
)
BUFFERS = Text("buffers", "`parts`: long buffers may come as they are, in multipart/form-data.", "parts")
TARGET = Text("target_name", "The target of the comms that are asked for; without it all.", r"[!-~]{1,200}")
PAGE = Text("page", "A name that a page gives itself: pages behind one address take turns.", r"[A-Za-z0-9_-]{1,64}")
# A page of another site sends it in the query, because a header of ours would cost it a CORS preflight.
_ONCE = "A text that nobody else uses: a submission that is sent again with it is run once."
_ONCE_PATTERN = r"[!-~]{1,255}"
ONCE_HEADER = Text("Idempotency-Key", _ONCE, _ONCE_PATTERN, "header")
ONCE_QUERY = Text("idempotency_key", f"{_ONCE} Instead of the header.", _ONCE_PATTERN)
FIRST = Text(
    "first", "`1`: nothing that came with this idempotency key can have been stored, so nobody need look for it.", "1"
)
MARK_HEADER = Text("Last-Event-ID", "The mark of the last event that the client has.", MARK, "header")
MARK_QUERY = Text("after", "The mark of the last event that the client has. Instead of the header.", MARK)
COMPUTATION = Text("computation", "The id of a computation; without one all are told of.", r"[0-9a-f-]{36}")
_KINDS = "|".join(EVENT_KINDS)
KINDS = Text("kinds", f"Which events, of {_KINDS}; without it all.", rf"({_KINDS})(,({_KINDS})){{0,3}}")
PROOF = Text("proof", "The proof for a challenge, JSON in URL-safe base64 (docs/http.md).", r"[A-Za-z0-9_=-]{1,1000}")
CALLBACK = Text("callback", "Name of a function that the answer, then a script, calls.", r"[A-Za-z_$][\w$.]{0,99}")
LAST_EVENT_ID = After(
    "Last-Event-ID", "header", "Sequence of the last event that the client has; an EventSource sends it by itself."
)


def _one_text(name: str) -> str | None:
    texts = request.args.getlist(name)
    if len(texts) > 1:
        refuse(400, f"`{name}` is given more than once.")
    return texts[0] if texts else None
