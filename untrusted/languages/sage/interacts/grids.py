"""Grids of boxes, for matrices and vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ipywidgets import Widget
from sage.repl.ipython_kernel import widgets
from sage.structure.element import Matrix, Vector

from untrusted.languages.sage.interacts.boxes import ExpressionBox, InputBox
from untrusted.languages.sage.interacts.controls import labelled, written
from untrusted.languages.sage.interacts.errors import InteractError, made

BOXES_MAX = 400


class Grid(widgets.Grid):
    """Sage's grid of boxes, which reads them when its function runs: a half-written matrix is no error before."""

    def _update(self, *_: Any) -> None:
        self.value = [[box.value for box in row] for row in self.rows]

    @property
    def caption(self) -> Widget:
        """What shows its label."""
        return self.children[0]

    @property
    def rows(self) -> list[list[Widget]]:
        """The boxes."""
        return [list(row) for row in zip(*(column.children for column in self.cols), strict=True)]

    def get_value(self) -> list[list[Any]]:
        """Return what the boxes hold. Raises what evaluating one of them raises."""
        return [[_read(box) for box in row] for row in self.rows]

    def put(self, value: Any) -> None:
        """Let the boxes hold these values."""
        for row, values in zip(self.rows, _table(value, len(self.rows), len(self.cols)), strict=True):
            for box, one in zip(row, values, strict=True):
                box.value = written(one)


@made
def input_grid(
    nrows: Any, ncols: Any, default: Any = None, label: Any = None, to_value: Any = None, width: Any = 4
) -> Widget:
    """Make a grid of boxes whose texts are evaluated; ``to_value`` is handed the list of rows, as Sage's own."""
    return InputGrid(nrows, ncols, default, width, label, adapter=to_value)


@made
def InputGrid(  # noqa: N802 - SageMathCell's name
    nrows: Any = 1, ncols: Any = 1, default: Any = "0", width: Any = 5, label: Any = None, evaluate: bool = True,
    adapter: Callable[[Any], Any] | None = None, element_adapter: Callable[[Any], Any] | None = None,
) -> Widget:  # fmt: skip
    """Make a grid of boxes; ``element_adapter`` is handed each value, ``adapter`` the list of rows."""
    nrows, ncols = int(nrows), int(ncols)
    if nrows < 1 or ncols < 1 or nrows * ncols > BOXES_MAX:
        raise InteractError(f"A grid of {nrows} by {ncols} boxes cannot be made; it has from 1 to {BOXES_MAX} of them.")
    table = _table(default, nrows, ncols)
    make = ExpressionBox if evaluate else InputBox

    def box(row: int, column: int) -> Widget:
        one = make(table[row][column], width=width, adapter=element_adapter)
        one.tooltip = f"{row + 1}, {column + 1}"
        one.layout.width = f"{int(width) + 3}ch"
        return one

    return labelled(Grid(nrows, ncols, box, transform=adapter), label)


def _read(box: Widget) -> Any:
    try:
        return box.get_interact_value()
    except Exception as error:
        error.written = box.value  # type: ignore[attr-defined] # which of the boxes it is
        raise


def _table(values: Any, nrows: int, ncols: int) -> list[list[Any]]:
    """Return rows of values: of a list of rows, a flat list, a generator, a matrix, or one value for all."""
    if isinstance(values, (Matrix, Vector)):
        values = values.list()
    if isinstance(values, Iterator):
        values = list(islice(values, nrows * ncols))
    if not isinstance(values, (list, tuple)):
        return [[values] * ncols for _ in range(nrows)]
    if not all(isinstance(row, (list, tuple)) for row in values):
        values = [values[at * ncols : (at + 1) * ncols] for at in range(nrows)] if len(values) == nrows * ncols else []
    if len(values) != nrows or any(len(row) != ncols for row in values):
        raise InteractError(f"What a grid begins with has not {nrows} rows of {ncols} values.")
    return [list(row) for row in values]
