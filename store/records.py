"""What the store hands out and takes in: frozen records, times as aware UTC datetimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Literal

from store.states import OVER, Reason, State


@dataclass(frozen=True)
class Submission:
    """A computation as a client asks for it. ``message``: a comm message instead of code; ``uploads``: (name, file)."""

    code: str
    language: str
    session: str | None = None
    keep: bool = False
    stdin: bool = True
    message: Mapping[str, Any] | None = None
    uploads: tuple[tuple[str, BinaryIO], ...] = ()


@dataclass(frozen=True)
class Computation:
    """A computation as it was when it was read. ``sequence``: last committed message, -1 when there is none."""

    id: str
    session: str
    turn: int
    language: str
    code: str
    keep: bool
    stdin: bool
    message: Mapping[str, Any] | None
    uploads: tuple[str, ...]
    state: State
    reason: Reason | None
    attempt: int
    sequence: int
    bounds: tuple[int, ...]
    asking: bool
    device: str | None
    host: str | None
    submitted: datetime
    started: datetime | None
    finished: datetime | None
    usage: Mapping[str, Any] | None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in OVER

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Computation:
        """Return the record of a stored document; what was not read is empty."""
        return cls(
            id=document["_id"],
            session=document["session"],
            turn=document["turn"],
            language=document["language"],
            code=document.get("code", ""),
            keep=document["keep"],
            stdin=document["stdin"],
            message=document.get("message"),
            uploads=tuple(document.get("uploads", ())),
            state=document["state"],
            reason=document.get("reason"),
            attempt=document["attempt"],
            sequence=document["sequence"],
            bounds=tuple(document["bounds"]),
            asking=document["asking"],
            device=document.get("device"),
            host=document.get("host"),
            submitted=document["submitted"],
            started=document.get("started"),
            finished=document.get("finished"),
            usage=document.get("usage"),
        )


@dataclass(frozen=True)
class Claim:
    """A device's right to run and write one computation, until its lease runs out."""

    computation: Computation
    token: str

    @property
    def id(self) -> str:
        """The computation's id."""
        return self.computation.id


@dataclass(frozen=True)
class Wish:
    """What clients have asked of a running computation so far. ``lost``: the claim is not ours any more."""

    claim: Claim
    cancel: bool = False
    interrupts: int = 0
    answers: tuple[str, ...] = ()
    lost: bool = False


@dataclass(frozen=True)
class Session:
    """A session as it was when it was read."""

    id: str
    language: str
    state: Literal["starting", "idle", "busy", "gone"]
    reason: Reason | None
    expires: datetime | None
    computations: tuple[str, ...]
    end_asked: bool = False


@dataclass(frozen=True)
class Question:
    """Code to complete or inspect, in a session's namespace or (None) a fresh one."""

    id: str
    session: str | None
    language: str
    kind: Literal["complete", "inspect"]
    code: str
    cursor_pos: int
    detail_level: int


@dataclass(frozen=True)
class Reply:
    """What came of a question. ``content``: JSON."""

    status: str
    content: bytes
