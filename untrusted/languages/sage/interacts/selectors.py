"""Choices: as a list that drops down, as buttons of which one stays pressed, in rows and columns, or as round boxes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ipywidgets import Dropdown, RadioButtons, ToggleButtons, Widget

from untrusted.languages.sage.interacts.buttons import Button
from untrusted.languages.sage.interacts.controls import labelled, place
from untrusted.languages.sage.interacts.errors import InteractError, made, short

KINDS = {"list": Dropdown, "button": ToggleButtons, "radio": RadioButtons}
EM_PER_CHAR = 0.65  # of a text on a button, about


class Toggles(ToggleButtons):
    """Buttons of which one stays pressed. To press it again counts, as in Sage: then the function runs again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._moved = False
        self.observe(self._note, names="index")

    def when_pressed_again(self, pressed: Callable[[], None]) -> Callable[[], None]:
        """Call ``pressed`` when the button is pressed that was pressed before; return what ends that."""

        def clicked(*_: Any) -> None:
            moved, self._moved = self._moved, False
            if not moved:
                pressed()

        self.on_msg(clicked)
        return lambda: self.on_msg(clicked, remove=True)

    def _note(self, _: Any) -> None:
        self._moved = True


@made
def selector(
    values: Any, label: Any = None, default: Any = None, nrows: Any = None, ncols: Any = None, width: Any = None,
    buttons: bool = False,
) -> Widget:  # fmt: skip
    """Make a choice: a list or, with ``buttons``, ``nrows`` or ``ncols``, buttons, as Sage's own."""
    kind = "button" if buttons or nrows is not None or ncols is not None else "list"
    css = f"{int(width)}ex" if width is not None and str(width).isdigit() else width or ""
    choices = _choices(values)
    if kind == "button" and len(choices) == 1:
        # As SageMathCell and the old notebook have it: something to press, again and again.
        ((text, value),) = choices
        return Button(value, value, text, css, label)
    return Selector([(value, text) for text, value in choices], default, kind, nrows, ncols, css, label)


@made
def Selector(  # noqa: N802 - SageMathCell's name
    values: Any, default: Any = None, selector_type: str = "list", nrows: Any = None, ncols: Any = None,
    width: Any = "", label: Any = None,
) -> Widget:  # fmt: skip
    """Make a choice between values, or pairs of a value and its text."""
    choices = _choices(values)
    if not choices:
        raise InteractError("A selector has no values to choose from; it needs at least one.")
    try:
        index = 0 if default is None else place([value for _, value in choices], default)
    except ValueError as error:
        raise InteractError(f"A selector cannot begin at {short(default)}; {error}.") from None
    kind = Toggles if selector_type == "button" else KINDS.get(selector_type, Dropdown)
    control = kind(options=choices, index=index, equals=lambda one, other: one is other)
    control._ncols = _columns(len(choices), nrows, ncols)
    if kind is not Dropdown:
        # Their label stands beside them, as those of other controls do.
        control.add_class("widget-inline-hbox").add_class("jupyter-widget-inline-hbox")
    if kind is RadioButtons:
        control.orientation = "horizontal" if control._ncols > 1 else "vertical"
    elif kind is Toggles:
        _arrange(control, [text for text, _ in choices], nrows, ncols, str(width or ""))
    return labelled(control, label)


def _choices(values: Any) -> list[tuple[str, Any]]:
    """Return pairs of a text and a value, as ipywidgets has them; authors give the value first."""
    if isinstance(values, dict):
        return [(str(text), value) for text, value in values.items()]
    values = list(values)
    if values and all(isinstance(value, (tuple, list)) and len(value) == 2 for value in values):
        if all(isinstance(text, str) for _, text in values):
            return [(text, value) for value, text in values]
        if all(isinstance(text, str) for text, _ in values):
            return [(text, value) for text, value in values]
    return [(str(value), value) for value in values]


def _columns(count: int, nrows: Any, ncols: Any) -> int:
    if ncols is not None and int(ncols) > 0:
        return min(int(ncols), count)
    return math.ceil(count / int(nrows)) if nrows is not None and int(nrows) > 0 else count


def _arrange(control: Widget, texts: list[str], nrows: Any, ncols: Any, width: str) -> None:
    columns = _columns(len(texts), nrows, ncols)
    if columns < len(texts):
        # Buttons of one width, in a box that has room for so many of them.
        width = width or f"{max(3.0, EM_PER_CHAR * max(map(len, texts)) + 2):.1f}em"
        control._width = f"{columns} * ({width} + 4px)"
    control.style.button_width = width or "auto"
