"""Defines what a migration is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from store.database import Database


@dataclass(frozen=True)
class Migration:
    """One change of what is stored; numbers begin with 1 and are never used again.

    ``about``: a sentence for the operator. ``batch``: changes at most so many documents and returns how many it
    changed, 0 when nothing is left. ``contracts``: whether programs that do not know it cannot work afterwards.
    """

    number: int
    about: str
    batch: Callable[[Database, int], int]
    contracts: bool = False
