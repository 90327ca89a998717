"""The languages that workers run: one file each, holding a ``LANGUAGE``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def unchanged(code: str) -> str:
    """Return the cell's text as it is."""
    return code


@dataclass(frozen=True)
class Language:
    """Everything about one language that the rest of ``untrusted`` asks for.

    ``environment`` must be set before the interpreter starts; ``preload`` are modules imported before the fork;
    ``warm_cells`` run before the fork and leave nothing behind; ``transform`` turns a cell's text into what IPython
    gets. What pages show of a language is said in the settings.
    """

    name: str
    version: Callable[[], str]
    environment: Mapping[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ()
    warm_cells: tuple[str, ...] = ()
    transform: Callable[[str], str] = unchanged
