"""Where the controls of an interact stand: in rows, with widths, above, below and beside its output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from untrusted.languages.sage.interacts.errors import InteractError, short

OUTPUT, BOOKMARKS = "_output", "_bookmarks"
PLACES = ("top", "bottom", "left", "right")


@dataclass(frozen=True)
class Item:
    """A place in a row: what stands there, or nothing, and its part of the width, or its width in CSS."""

    name: str | None
    width: float | str = 1


Row = list[Item]


@dataclass
class Layout:
    """Rows from top to bottom, of which one may hold the output, and rows to the left and to the right of that."""

    rows: list[Row] = field(default_factory=list)
    left: list[Row] = field(default_factory=list)
    right: list[Row] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """What has a place."""
        everywhere = (*self.rows, *self.left, *self.right)
        return [item.name for row in everywhere for item in row if item.name is not None]


def read(given: Any, function: str, names: Iterable[str], *, has_output: bool, placed: Iterable[str] = ()) -> Layout:
    """Return the layout that an author gives, with a row for each control that it leaves out, and one for the output.

    ``placed``: what stands elsewhere in the page. Raises InteractError.
    """
    names, placed = list(names), set(placed)
    if isinstance(given, Mapping):
        _check_places(given)
        rows = {place: _rows(given.get(place) or ()) for place in PLACES}
        layout = Layout(rows["top"], rows["left"], rows["right"])
        _check(Layout([*rows["top"], *rows["bottom"]], rows["left"], rows["right"]), function, names, placed)
        taken = placed | set(layout.names) | set(Layout(rows["bottom"]).names)
        layout.rows += _missing(names, taken)
        if has_output and OUTPUT not in taken:
            layout.rows.append([Item(OUTPUT)])
        layout.rows += rows["bottom"]
        return layout
    layout = Layout(_rows(given or ()))
    _check(layout, function, names, placed)
    layout.rows += _missing(names, placed | set(layout.names))
    if has_output and OUTPUT not in placed | set(layout.names):
        layout.rows.append([Item(OUTPUT)])
    return layout


def _missing(names: list[str], taken: set[str]) -> list[Row]:
    return [[Item(name)] for name in names if name not in taken]


def _rows(given: Any) -> list[Row]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InteractError(f"A layout is a list of rows, and a row a list of names; {short(given)} is none.")
    rows = []
    for row in given:
        # A name alone is a row.
        items = [row] if isinstance(row, str) or row is None or _is_pair(row) else row
        if not isinstance(items, Iterable):
            raise InteractError(f"A row of a layout is a list of names, or of names and widths; {short(row)} is none.")
        rows.append([_item(item) for item in items])
    return rows


def _is_pair(given: Any) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str) and not isinstance(given[1], str)


def _item(given: Any) -> Item:
    name, width = given if isinstance(given, (tuple, list)) and len(given) == 2 else (given, 1)
    if name is not None and not isinstance(name, str):
        raise InteractError(f"A layout names {short(name)}; a name is a text, and None leaves a gap.")
    if isinstance(width, str):
        return Item(name, width)
    try:
        share = float(width)
    except (TypeError, ValueError):
        share = 0
    if share <= 0:
        raise InteractError(f"The layout gives {name} the width {short(width)}; it has to be more than 0.")
    return Item(name, share)


def _check_places(given: Mapping[Any, Any]) -> None:
    for place in given:
        if place not in PLACES:
            raise InteractError(f"The layout has the place {short(place)}; its places are {', '.join(PLACES)}.")


def _check(layout: Layout, function: str, names: list[str], placed: set[str]) -> None:
    seen = set(placed)
    for name in layout.names:
        if name not in (*names, OUTPUT, BOOKMARKS):
            has = f"its controls are {', '.join(names)}" if names else "it has no controls"
            raise InteractError(f"The layout names {name}, which is no control of {function}; {has}.")
        if name in seen:
            raise InteractError(f"The layout and the locations name {name} twice; once is right.")
        seen.add(name)
