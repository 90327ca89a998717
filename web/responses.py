"""Defines what the routes answer, one struct for each body, and makes responses of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from flask import Response, request
from msgspec import UNSET, Meta, Struct, UnsetType, field

from web.context import here

_encoder = msgspec.json.Encoder()


class Links(Struct, frozen=True):
    """Addresses of a computation and of what belongs to it."""

    self: str
    messages: str
    files: str
    interrupt: str
    input: str


class Usage(Struct, frozen=True):
    """What a computation used: seconds of wall and CPU time, bytes of memory at the peak."""

    wall_s: float
    cpu_s: float
    memory_bytes: int


class ComputationAnswer(Struct, frozen=True):
    """A computation; times are ISO 8601 in UTC, ``queue_position`` 1 is next, ``verdict`` is the last one on it."""

    id: str
    session: str
    language: str
    state: str
    attempt: int
    submitted: datetime
    links: Links
    device: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    queue_position: int | UnsetType = UNSET
    started: datetime | UnsetType = UNSET
    finished: datetime | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET
    verdict: msgspec.Raw | UnsetType = UNSET


class SubmittedAnswer(Struct, frozen=True):
    """A new computation. ``sequence``: of the last message in ``messages``, -1 when there is none.

    ``messages`` and ``finished`` (over, and no more messages than these) come only with ``wait``.
    """

    id: str
    session: str
    language: str
    state: str
    sequence: int
    links: Links
    messages: list[msgspec.Raw] | UnsetType = UNSET
    finished: bool | UnsetType = UNSET
    queue_position: int | UnsetType = UNSET


class MessagesAnswer(Struct, frozen=True):
    """Messages after a sequence; ``next`` is the ``after`` of the next request, ``finished``: there will be no more.

    ``queue_position``: of what waits.
    """

    messages: list[msgspec.Raw]
    next: int
    state: str
    finished: bool
    queue_position: int | UnsetType = UNSET


class FileAnswer(Struct, frozen=True):
    """A file that a computation made or changed; ``size`` in bytes."""

    name: str
    size: int
    type: str
    url: str


class FilesAnswer(Struct, frozen=True):
    """The files of a computation."""

    files: list[FileAnswer]


class AcceptedAnswer(Struct, frozen=True):
    """What was asked for will happen; ``state`` is that of now."""

    id: str
    state: str


class SessionAnswer(Struct, frozen=True):
    """A session; ``expires``: when it ends if nothing more is computed."""

    id: str
    language: str
    state: str
    computations: list[str]
    expires: datetime | None
    reason: str | UnsetType = UNSET


class PermalinkAnswer(Struct, frozen=True):
    """A permalink and the address of the page that shows it."""

    id: str
    url: str


class PermalinkContent(Struct, frozen=True):
    """The code behind a permalink; ``setup``: the hidden code that runs before it, if there is any."""

    code: str
    language: str
    setup: str | UnsetType = UNSET


class CheckAnswer(Struct, frozen=True):
    """A published check, without its text."""

    id: str
    language: str
    published: datetime


class CheckContent(CheckAnswer, frozen=True):
    """A published check with its text."""

    source: str


class ChecksAnswer(Struct, frozen=True):
    """The published checks, the oldest first."""

    checks: list[CheckAnswer]


Line = Annotated[str, Meta(max_length=500)]
Sentence = Annotated[str, Meta(max_length=2000)]


class TestOutcome(Struct, frozen=True):
    """One test of a check. ``expected``, ``got`` and ``message`` come where the author lets the reader see them."""

    __test__ = False  # pytest would take it for a test of ours

    name: Line
    passed: bool
    shown: bool
    points: float
    points_max: float
    expected: Line | UnsetType = UNSET
    got: Line | UnsetType = UNSET
    message: Sentence | UnsetType = UNSET


class Verdict(Struct, frozen=True, kw_only=True):
    """What a check found. ``type``: how the message is meant. ``fault``: of the check itself, for the operator."""

    correct: bool
    message: Sentence
    type: Literal["success", "info", "warning", "error"]
    points: float = 0.0
    points_max: float = 0.0
    tests: Annotated[list[TestOutcome], Meta(max_length=100)] = []
    fault: Sentence | UnsetType = UNSET


class VerdictAnswer(Verdict, frozen=True, kw_only=True):
    """A verdict, and the id of the check that found it."""

    check: str


class Language(Struct, frozen=True):
    """A language; ``available``: a device can run it now; ``expected``: not now, and a cell in it waits.

    ``extension`` has its dot; ``highlighting``: the name of its grammar in an editor; ``install``: the command that
    installs it on the server; ``packages``: what cells can import beside the language's own, name to version.
    """

    name: str
    label: str
    version: str
    available: bool
    expected: bool
    mime: str
    extension: str
    highlighting: str
    install: str
    packages: Mapping[str, str]


class LanguagesAnswer(Struct, frozen=True):
    """The languages of this server."""

    languages: list[Language]


class Limit(Struct, frozen=True):
    """A limit and its unit."""

    value: float
    unit: str


class Left(Struct, frozen=True):
    """What is left of a budget of so much (``most``) and its unit; ``again_s``: seconds until something is left."""

    value: float
    most: float
    again_s: int
    unit: str


class LimitsAnswer(Struct, frozen=True):
    """Every limit that a client can meet, by the name of its setting; ``languages``: where a language has another.

    ``left``: what is left of the budgets of who asks.
    """

    limits: dict[str, Limit]
    languages: dict[str, dict[str, Limit]]
    left: dict[str, Left]


class AliveAnswer(Struct, frozen=True):
    """The web process answers."""

    alive: bool


class ReadyAnswer(Struct, frozen=True):
    """Whether a cell can run now; if not, why; and what each untrusted account reports."""

    ready: bool
    reasons: list[str]
    accounts: list[dict[str, Any]] = field(default_factory=list)


def json_answer(value: Struct, status: int = 200, location: str | None = None) -> Response:
    """Return the response that carries this struct; nothing of it may be kept by caches."""
    headers = {"Cache-Control": "no-store"}
    if location is not None:
        headers["Location"] = location
    return Response(_encoder.encode(value), status, headers, content_type="application/json")


def address(path: str) -> str:
    """Return the address by which browsers reach this path of the server."""
    return (here().settings.public_url.rstrip("/") or request.host_url.rstrip("/") + request.script_root) + path
