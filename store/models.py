"""Defines what the doors of the store take and return: plain values without a connection."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from contract import Reason
from store.comm_messages import unpack_message
from store.requester import NOBODY, Requester
from store.states import OVER, State

Document = Mapping[str, Any]
# The fields of a computation that only its device, or a door, reads; they may be long.
UNREAD = {"code": 0, "message": 0, "user_expressions": 0, "scheme": 0, "asked": 0}


@dataclass(frozen=True)
class Once:
    """An idempotency key, by which a submission that is sent again is known.

    ``names``: under which the key is kept (``store/repeats.py``), today's first: a client has another name each day.
    """

    names: tuple[str, ...]


@dataclass(frozen=True)
class Submission:
    """A computation that is to be stored.

    ``language``: None means that of the session. ``message``: a comm message instead of code. ``uploads``: names and
    open files. ``user_expressions``: by name, what is evaluated after the code for the reply. ``scheme``: "light" or
    "dark", as what shows its figures is, "" where nobody says. ``id``: that of the computation, known beforehand so
    that somebody can wait for news of it. ``lane``: what it waits in (``store/lanes.py``); without one no share holds
    for it. ``once``, ``digest``: the key that came with it, and the digest of its body. ``control``: the model of a
    control (its comm's id) that the message is for (``store/controls.py``). ``asked``: what a door keeps of the message
    that asked for it.
    """

    code: str
    language: str | None
    session: str | None = None
    keep: bool = False
    stdin: bool = True
    message: Mapping[str, Any] | None = None
    uploads: Iterable[tuple[str, IO[bytes]]] = ()
    user_expressions: Mapping[str, str] = field(default_factory=dict)
    scheme: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    requester: Requester = NOBODY
    lane: str | None = None
    once: Once | None = None
    digest: bytes = b""
    control: str | None = None
    asked: bytes | None = None


@dataclass(frozen=True)
class Computation:
    """A computation as it was when it was read.

    ``turn`` counts from 0 in its session. ``sequence``: of its last message, -1 before the first. ``asking``: whether
    the code waits for input. Times are aware and in UTC. ``verdict``: the last one on it, as JSON. ``origin``, ``key``:
    of who submitted it.
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
    verdict: bytes | None
    origin: str | None
    key: str | None

    @property
    def over(self) -> bool:
        """Whether the computation has come to an end."""
        return self.state in OVER

    @classmethod
    def of(cls, document: Document) -> Computation:
        """Return the computation that this document describes."""
        names = [name for name in cls.__dataclass_fields__ if name != "id"]
        return cls(id=document["_id"], **{name: document.get(name) for name in names})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Location:
    """Where a kept session is held: in which account, under which name (``alias``) by the supervisor with this key.

    ``client``, ``origin``, ``asked_with`` (the name of a key): in whose shares of the idle sessions it counts; None: in
    nobody's.
    """

    account: str
    alias: str
    key: str
    client: str | None
    origin: str | None = None
    asked_with: str | None = None

    @property
    def requester(self) -> Requester:
        """In whose shares it counts."""
        return Requester(self.client, self.origin, self.asked_with)


@dataclass(frozen=True)
class KeptSession:
    """A kept session as another device can go on with it; ``age_s``, ``idle_s``: since its start, its last turn."""

    id: str
    language: str
    location: Location
    age_s: float
    idle_s: float


@dataclass(eq=False)
class Claim:
    """A device's right to run one computation, as long as the lease is renewed; one thread at a time writes for it.

    ``message``: a comm message instead of code, with ``content`` and ``metadata`` as objects and ``buffers`` as bytes.
    ``uploads``: names of the files that came with the computation. ``sequence``: of the last message that is stored;
    the store counts it up. ``suspect``: whether it ran before, when what it ran on died; ``company``: whether it runs
    beside other suspects now, ``alone``: whether it must not.
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
    scheme: str = ""
    suspect: bool = False
    company: bool = False
    alone: bool = False
    # Who submitted it: the parts of its requester.
    client: str | None = None
    origin: str | None = None
    key: str | None = None
    lane: str | None = None
    followed: bool = False  # whether others of its lane may stand behind it
    # How much is stored of the computation, and how much of that was counted for its client when it was submitted.
    stored_bytes: int = 0
    counted_bytes: int = 0
    # Attempts that do not count: their devices were ended in order.
    handed_back: int = 0
    waited_s: float = 0.0  # in the queue
    location: Location | None = None
    # Whether the outcome of the last write is unknown: MongoDB went away in the middle.
    unsure: bool = field(default=False, repr=False)

    @property
    def requester(self) -> Requester:
        """Who submitted it."""
        return Requester(self.client, self.origin, self.key)

    @classmethod
    def of(cls, document: Document) -> Claim:
        """Return the claim that this document describes."""
        apart = ("id", "message", "user_expressions", "suspect", "unsure", "waited_s", "location")
        queued = document.get("queued") or document["locked"]
        # Computations of an older server do not have them.
        since = (
            "client", "origin", "key", "lane", "followed", "scheme", "stored_bytes", "counted_bytes", "handed_back",
            "company", "alone",
        )  # fmt: skip
        names = [name for name in cls.__dataclass_fields__ if name not in apart]
        return cls(
            id=document["_id"],
            message=unpack_message(document["message"]),
            user_expressions=json.loads(document.get("user_expressions") or b"{}"),
            suspect=document.get("suspect", False),
            waited_s=(document["locked"] - queued).total_seconds(),
            **{name: document[name] for name in names if name in document or name not in since},
        )


@dataclass(frozen=True)
class End:
    """The end of a claimed computation, with its last messages; ``usage``: wall_s, cpu_s, memory_bytes."""

    claim: Claim
    state: str
    reason: str | None = None
    usage: Mapping[str, Any] | None = None
    messages: Sequence[bytes] = ()


@dataclass(frozen=True)
class PassedOver:
    """Names of those who have as much of a device as they may: their first turns are passed over in a claim."""

    client: frozenset[str] = frozenset()
    origin: frozenset[str] = frozenset()
    key: frozenset[str] = frozenset()
    lane: frozenset[str] = frozenset()

    def condition(self) -> dict[str, Any]:
        """Return the condition on a computation that is none of theirs."""
        names = {field: getattr(self, field) for field in self.__dataclass_fields__}
        return {field: {"$nin": sorted(passed)} for field, passed in names.items() if passed}

    def __or__(self, other: PassedOver) -> PassedOver:
        """Return those whom either names."""
        fields = self.__dataclass_fields__
        return PassedOver(**{field: getattr(self, field) | getattr(other, field) for field in fields})


NOBODY_PASSED = PassedOver()


@dataclass(frozen=True)
class Wish:
    """What a client wishes of a running computation, since this attempt began.

    ``interrupt``: the number of interrupts. ``answers``: the inputs that it sent. ``lost``: whether the device has lost
    the claim.
    """

    claim: Claim
    cancel: bool = False
    interrupt: int = 0
    answers: tuple[str, ...] = ()
    lost: bool = False

    @classmethod
    def of(cls, claim: Claim, document: Document | None) -> Wish:
        """Return the wish in the document of the claim's computation, if that is still the claim's."""
        if document is None or document["token"] != claim.token:
            return cls(claim, lost=True)
        wishes = document["wishes"]
        return cls(claim, wishes["cancel"], wishes["interrupt"], tuple(wishes["answers"]))


@dataclass(frozen=True)
class Session:
    """A session as it was when it was read.

    ``state`` is starting, idle, busy or gone. ``expires``: when an idle session ends if nothing more is computed, else
    None. ``computations``: the ids of its turns, in order.
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
    """A request to complete or inspect code: ``kind`` says which; ``session`` None means a fresh namespace."""

    id: str
    session: str | None
    language: str
    kind: str
    code: str
    cursor_pos: int
    detail_level: int


@dataclass(frozen=True)
class IntrospectionReply:
    """The reply to an introspection: ``status`` is ok, busy, gone or error, ``content`` the reply's JSON text."""

    status: str
    content: bytes


@dataclass(frozen=True)
class Permalink:
    """Code that is kept under a short id, and the ``setup`` that runs before it.

    ``interacts`` is JSON, the states of SageMathCell's interacts.
    """

    code: str
    language: str
    interacts: str = "[]"
    setup: str = ""


@dataclass(frozen=True)
class Check:
    """An author's check as it was published; ``source`` never leaves the trusted side but into a session of its own."""

    id: str
    language: str
    source: str
    published: datetime
