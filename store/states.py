"""The states of a computation and the moves between them: the only table. No other code writes ``state``."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

State = Literal["queued", "running", "done", "failed", "cancelled", "lost"]
Reason = Literal[
    "time_wall", "time_cpu", "memory", "processes", "output", "files",
    "kernel_died", "session_gone", "protocol", "cancelled", "lost",
]  # fmt: skip
OVER: frozenset[str] = frozenset(("done", "failed", "cancelled", "lost"))


class Move(NamedTuple):
    """From which states to which."""

    sources: tuple[State, ...]
    target: State


MOVES: dict[str, Move] = {
    "claim": Move(("queued",), "running"),  # a device takes it
    "release": Move(("running",), "queued"),  # its device died or went away before the end: it is tried again
    "done": Move(("running",), "done"),  # the code ran to its end
    "failed": Move(("running",), "failed"),  # a limit, a dead kernel, nonsense on the wire
    "cancelled": Move(("running",), "cancelled"),  # DELETE while it ran
    "lost": Move(("running",), "lost"),  # the machinery died and may not try again
    "withdraw": Move(("queued",), "cancelled"),  # DELETE before it ran
    "orphan": Move(("queued",), "failed"),  # its session ended before its turn
}


def guard(move: str) -> dict[str, Any]:
    """Return the filter that lets a move happen only from its source states."""
    return {"state": {"$in": list(MOVES[move].sources)}}


def target(move: str) -> State:
    """Return the state that a move leads to."""
    return MOVES[move].target
