"""Defines the states of a computation and the moves between them; no other table says what may follow what."""

from __future__ import annotations

from typing import Any, Literal

from contract import REASONS, Reason

State = Literal["queued", "running", "done", "failed", "cancelled", "lost"]
Move = Literal["submit", "claim", "retry", "finish", "fail", "cancel", "lose", "withdraw", "abandon"]

MOVES: dict[Move, tuple[tuple[State, ...], State]] = {
    "submit": ((), "queued"),
    "claim": (("queued",), "running"),
    "retry": (("running",), "queued"),
    "finish": (("running",), "done"),
    "fail": (("running",), "failed"),
    "cancel": (("running",), "cancelled"),
    "lose": (("running",), "lost"),
    # These two end what never ran: its client cancelled it, or its session ended before its turn.
    "withdraw": (("queued",), "cancelled"),
    "abandon": (("queued",), "failed"),
}
OVER: frozenset[State] = frozenset({"done", "failed", "cancelled", "lost"})

_ENDS: dict[State, Move] = {"done": "finish", "failed": "fail", "cancelled": "cancel", "lost": "lose"}
_OWN_REASON: dict[State, Reason | None] = {"done": None, "cancelled": "cancelled", "lost": "lost"}


def leaving(move: Move) -> dict[str, Any]:
    """Return the condition on a computation that may make this move."""
    sources = MOVES[move][0]
    # One state is an equality, as the partial indexes need it.
    return {"state": sources[0] if len(sources) == 1 else {"$in": list(sources)}}


def entering(move: Move, reason: Reason | None = None) -> dict[str, Any]:
    """Return the fields that the move sets, with values that work in updates and in update pipelines."""
    target = MOVES[move][1]
    fields: dict[str, Any] = {"state": target, "reason": reason}
    if target != "running":
        fields |= {"asking": False, "lease_until": None}
    return fields


def ending(state: str, reason: str | None) -> tuple[Move, Reason | None]:
    """Return the move that ends a running computation in this state, and the reason. Raises ValueError for nonsense.

    ``done`` has no reason, ``cancelled`` and ``lost`` have their own, ``failed`` needs one.
    """
    if state not in _ENDS:
        raise ValueError(f"a computation ends as one of {', '.join(_ENDS)}, not as {state!r}")
    chosen = reason if reason is not None else _OWN_REASON.get(state)
    if (chosen is not None) if state == "done" else (chosen not in REASONS):
        raise ValueError(f"{reason!r} is no reason for {state}; there are {', '.join(sorted(REASONS))}")
    return _ENDS[state], chosen  # type: ignore[return-value]
