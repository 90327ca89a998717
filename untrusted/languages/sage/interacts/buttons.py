"""Buttons: one that runs the function with a value of its own, a row of them, and one that all else waits for."""

from __future__ import annotations

from typing import Any

import ipywidgets
from ipywidgets import Box, HBox, Label, Widget
from traitlets import Int, Unicode

from untrusted.languages.sage.interacts.controls import labelled
from untrusted.languages.sage.interacts.errors import InteractError, made

MANUAL = "Update"


class Buttons(HBox):
    """Buttons to press: one has its value for the one run that it causes, and else the value is the default."""

    moves = "presses"
    presses = Int(0)
    description = Unicode()

    def __init__(self, values: list[Any], texts: list[str], default: Any, width: str, ncols: int) -> None:
        self._values, self._default, self._pressed, self.ncols = values, default, -1, min(ncols, len(texts))
        self._label = None
        self.caption, self.buttons = Label(), [ipywidgets.Button(description=text) for text in texts]
        for at, button in enumerate(self.buttons):
            button.layout.width = width or "auto"
            button.on_click(lambda _, at=at: self._press(at))
        row = Box(self.buttons)
        row.layout.flex_flow, row.layout.flex = "row wrap", "1 1 0%"
        if ncols < len(texts):
            row.layout.display, row.layout.grid_template_columns = "grid", f"repeat({ncols}, max-content)"
        super().__init__([row])
        self.row = row
        self.observe(self._caption, names="description")

    def get_interact_value(self) -> Any:
        """Return the value of the button that has been pressed, or the default."""
        return self._default if self._pressed < 0 else self._values[self._pressed]

    def put(self, _: Any) -> None:
        """Refuse. Raises ValueError."""
        raise ValueError("a button is pressed, and holds nothing")

    def reset(self) -> None:
        """Be pressed no more."""
        self._pressed = -1

    def _press(self, at: int) -> None:
        self._pressed = at
        self.presses += 1

    def _caption(self, _: Any) -> None:
        self.caption.value = self.description
        self.children = [self.caption, self.row] if self.description else [self.row]


class Update(Buttons):
    """The button that runs the function: of an interact that has one, all other controls wait for it."""


@made
def Button(  # noqa: N802 - SageMathCell's name
    default: Any = "", value: Any = "", text: Any = "Button", width: Any = "", label: Any = None
) -> Widget:
    """Make a button; its value is ``value`` in the run that it causes, and ``default`` in all others."""
    return labelled(Buttons([value], [str(text)], default, str(width or ""), 1), label)


@made
def ButtonBar(  # noqa: N802 - SageMathCell's name
    values: Any = (0,), default: Any = "", nrows: Any = None, ncols: Any = None, width: Any = "", label: Any = None
) -> Widget:
    """Make a row of buttons for values, or pairs of a value and its text."""
    pairs = [one if isinstance(one, tuple) and len(one) == 2 else (one, str(one)) for one in values]
    if not pairs:
        raise InteractError("A bar of buttons has no values; it needs at least one.")
    columns = int(ncols) if ncols else -(-len(pairs) // int(nrows)) if nrows else len(pairs)
    texts = [str(text) for _, text in pairs]
    return labelled(Buttons([value for value, _ in pairs], texts, default, str(width or ""), max(columns, 1)), label)


@made
def UpdateButton(  # noqa: N802 - SageMathCell's name
    text: Any = MANUAL, value: Any = "", default: Any = "", width: Any = "", label: Any = ""
) -> Widget:
    """Make the button that runs the function."""
    control = Update([value], [str(text)], default, str(width or ""), 1)
    control.buttons[0].button_style = "primary"
    return labelled(control, label)
