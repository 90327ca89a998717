"""Defines what every driver of the limiter offers: groups of processes that are counted and limited together."""

from __future__ import annotations

from typing import Literal, Protocol

from wire import Limits

Overrun = Literal["memory", "processes"]


class Group(Protocol):
    """The processes of one session, counted and limited together."""

    def add(self, pid: int) -> None:
        """Take in a process; what it starts from now on belongs to the group too. Raises OSError."""

    def usage(self) -> tuple[float, int, int]:
        """Return CPU seconds used so far, the most bytes of memory used, and the processes and threads there are."""

    def overrun(self) -> Overrun | None:
        """Return which limit the group has hit, once it has."""

    def weigh(self, share: float) -> None:
        """Have its processes weigh this share of what the limits say beside other groups, where the driver can."""

    def kill(self) -> None:
        """Kill every process."""

    def close(self) -> None:
        """Give back all that the group holds, when its processes are gone."""


class Limiter(Protocol):
    """What makes groups; ``name`` is its mode, ``detail`` a sentence for the operator.

    ``sees_all_memory``: also what belongs to no process and no directory.
    """

    name: str
    detail: str
    sees_all_memory: bool

    def open(self, session: str, limits: Limits | None = None) -> Group:
        """Return a group without processes, with limits of its own or the limiter's. Raises OSError."""

    def close(self) -> None:
        """Remove the groups that are kept for sessions to come."""
