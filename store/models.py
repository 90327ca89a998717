"""What the store gives and takes: plain records, without a connection."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from contract import Reason
from store.states import OVER, State

Document = Mapping[str, Any]
# What came from the client and goes to its device alone.
UNREAD = {"code": 0, "message": 0, "user_expressions": 0}


@dataclass(frozen=True)
class Submission:
    """A computation to be made. ``message``: a comm message instead of code; ``uploads``: names and open files.

    ``language`` None is that of the session. ``user_expressions``: what is evaluated after the code, by name, for the
    reply. ``client``: today's name of who submits it (``store/clients.py``). ``id``: that of the computation, known
    beforehand, so that its news can be waited for.
    """

    code: str
    language: str | None
    session: str | None = None
    keep: bool = False
    stdin: bool = True
    message: Mapping[str, Any] | None = None
    uploads: Iterable[tuple[str, IO[bytes]]] = ()
    user_expressions: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client: str | None = None


@dataclass(frozen=True)
class Computation:
    """A computation as it was when it was read; ``sequence`` is that of its last message, -1 before the first.

    ``asking``: the code waits for an answer; ``turn`` counts from 0 in its session. Times are aware and UTC.
    """

    id: str
    session: str
    turn: int
    language: str
    keep: bool
    state: State
    reason: Reason | None
    attempt: int
    sequence: int
    asking: bool
    submitted: datetime
    started: datetime | None
    finished: datetime | None
    usage: dict[str, Any] | None
    device: str | None
    host: str | None

    @property
    def over(self) -> bool:
        """Whether the state is a last one."""
        return self.state in OVER

    @classmethod
    def of(cls, document: Document) -> Computation:
        """Return the computation that this document describes."""
        names = [name for name in cls.__dataclass_fields__ if name != "id"]
        return cls(id=document["_id"], **{name: document.get(name) for name in names})  # type: ignore[arg-type]


@dataclass(eq=False)
class Claim:
    """A computation that a device may run, as long as its lease is renewed; one thread at a time writes for it.

    ``sequence``: of the last message that is stored; the store moves it on. ``uploads``: names of the files that
    came with it. ``message``: the comm message instead of code, with ``content`` and ``metadata`` as objects and
    ``buffers`` as bytes. ``suspect``: it ran before, when what it ran on died.
    """

    id: str
    session: str
    turn: int
    language: str
    code: str
    keep: bool
    stdin: bool
    message: dict[str, Any] | None
    uploads: list[str]
    attempt: int
    device: str
    token: str
    sequence: int
    user_expressions: dict[str, str] = field(default_factory=dict)
    suspect: bool = False
    client: str | None = None
    # What is stored of it, and how much of that was counted for its client when it was submitted.
    stored_bytes: int = 0
    counted_bytes: int = 0
    # Whether the outcome of the last write is unknown: MongoDB went away in the middle.
    unsure: bool = field(default=False, repr=False)

    @classmethod
    def of(cls, document: Document) -> Claim:
        """Return the claim that this document describes."""
        apart = ("id", "message", "user_expressions", "suspect", "unsure")
        since = ("client", "stored_bytes", "counted_bytes")  # computations of an older server do not have them
        names = [name for name in cls.__dataclass_fields__ if name not in apart]
        return cls(
            id=document["_id"],
            message=unpack_message(document["message"]),
            user_expressions=json.loads(document.get("user_expressions") or b"{}"),
            suspect=document.get("suspect", False),
            **{name: document[name] for name in names if name in document or name not in since},
        )


@dataclass(frozen=True)
class Wish:
    """What a client asked of a running computation: so many interrupts and these answers, in this attempt.

    ``lost``: the claim is not its device's any more.
    """

    claim: Claim
    cancel: bool = False
    interrupt: int = 0
    answers: tuple[str, ...] = ()
    lost: bool = False


@dataclass(frozen=True)
class Session:
    """A session; ``state`` is starting, idle, busy or gone, ``computations`` are its turns in order.

    ``expires``: when an idle session ends if nothing more is computed, else None.
    """

    id: str
    language: str
    state: str
    reason: str | None
    device: str | None
    created: datetime
    expires: datetime | None
    computations: list[str]


@dataclass(frozen=True)
class Introspection:
    """A question about code: ``kind`` is complete or inspect; ``session`` None means a fresh namespace."""

    id: str
    session: str | None
    language: str
    kind: str
    code: str
    cursor_pos: int
    detail_level: int


@dataclass(frozen=True)
class IntrospectionReply:
    """The answer to a question: ``status`` is ok, busy, gone or error, ``content`` the reply's JSON text."""

    status: str
    content: bytes


@dataclass(frozen=True)
class Permalink:
    """Code that is kept under a short id; ``interacts``: JSON, the states of SageMathCell's interacts."""

    code: str
    language: str
    interacts: str = "[]"


def pack_message(message: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a comm message as it is stored: foreign JSON as text, which has no bound on depth, names or numbers."""
    if message is None:
        return None
    return {
        "msg_type": message["msg_type"],
        "content": json_bytes(message["content"]),
        "metadata": json_bytes(message.get("metadata") or {}),
        "buffers": [bytes(buffer) for buffer in message.get("buffers") or ()],
    }


def unpack_message(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the comm message that pack_message stored."""
    if stored is None:
        return None
    return {
        "msg_type": stored["msg_type"],
        "content": json.loads(stored["content"]),
        "metadata": json.loads(stored["metadata"]),
        "buffers": list(stored["buffers"]),
    }


def json_bytes(value: Any) -> bytes:
    """Return foreign values as text: as such they have no bound on depth, names or numbers."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
