"""Describes an interact as SageMathCell's own script wants it, and sets its controls to what that script says of them.

The script asks at a door (web/doors/sagecell_words.py), draws the controls itself, and knows nothing of ipywidgets. The
words are those of SageMathCell's interact_sagecell.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ipywidgets
from ipywidgets import HTML, HTMLMath, SelectionRangeSlider, SelectionSlider, Textarea, Widget
from ipywidgets.widgets.widget_float import _BoundedFloat, _BoundedFloatRange
from ipywidgets.widgets.widget_int import _BoundedInt, _BoundedIntRange
from sage.repl.ipython_kernel.widgets import EvalWidget

from untrusted.languages.sage.interacts.buttons import Buttons
from untrusted.languages.sage.interacts.grids import Grid
from untrusted.languages.sage.interacts.layout import Layout
from untrusted.languages.sage.interacts.multi_slider import Sliders

TYPE = "application/vnd.singlecell.interact+json"  # the door gives it SageMathCell's name
BOX_CHARS = 52  # of a box whose author says nothing, as SageMathCell has it
KINDS = ((ipywidgets.Dropdown, "list"), (ipywidgets.RadioButtons, "radio"), (ipywidgets.ToggleButtons, "button"))
CHOICES: tuple[Any, ...] = tuple(kind for kind, _ in KINDS)
INDEXED: tuple[Any, ...] = (SelectionSlider, *CHOICES)
BOXES = (
    ipywidgets.Text, Textarea, ipywidgets.IntText, ipywidgets.FloatText, ipywidgets.BoundedIntText,
    ipywidgets.BoundedFloatText,
)  # fmt: skip
RANGES = (SelectionRangeSlider, _BoundedIntRange, _BoundedFloatRange)


def interact(
    id: str, controls: Mapping[str, Widget], layout: Layout, places: Mapping[str, str], movers: Iterable[str],
    *, is_readonly: bool,
) -> dict[str, Any]:  # fmt: skip
    """Return the description of an interact; ``id``: that of the widget of its output."""
    movers = set(movers)
    rows = [
        [[item.name or "", item.width if isinstance(item.width, (int, float)) else 1] for item in row]
        for row in (*layout.left, *layout.right, *layout.rows)
    ]
    return {
        "new_interact_id": id, "layout": rows, "locations": dict(places) or None, "readonly": is_readonly,
        "controls": {name: control(one, name in movers) for name, one in controls.items()},
    }  # fmt: skip


def control(widget: Widget, runs: bool) -> dict[str, Any]:
    """Return the description of a control; ``runs``: whether the function runs when it is moved."""
    kind, about = _about(widget)
    return {"control_type": kind, "label": widget.description, "update": runs, "raw": True, **about}


def value(widget: Widget) -> Any:
    """Return what a control holds, as the script sets it."""
    about = _about(widget)[1]
    return about.get("default", about.get("value"))


def take(widget: Any, untrusted_value: Any) -> None:
    """Let a control hold what the script says. Raises what its traits raise, TypeError, ValueError, IndexError."""
    if isinstance(widget, Buttons):
        at = int(untrusted_value) if len(widget.buttons) > 1 else 0
        widget._press(range(len(widget.buttons))[at])
    elif isinstance(widget, Grid):
        for row, texts in zip(widget.rows, untrusted_value, strict=True):
            for box, text in zip(row, texts, strict=True):
                box.value = str(text)
    elif isinstance(widget, Sliders):
        for slider, one in zip(widget.sliders, untrusted_value, strict=True):
            take(slider, one)
    elif isinstance(widget, SelectionRangeSlider):
        widget.index = tuple(map(int, untrusted_value))
    elif isinstance(widget, INDEXED):
        widget.index = int(untrusted_value)
    elif isinstance(widget, RANGES):
        widget.value = tuple(untrusted_value)
    elif not isinstance(widget, (HTML, HTMLMath)):
        widget.value = untrusted_value


def _about(widget: Widget) -> tuple[str, dict[str, Any]]:
    for kinds, describe in _DESCRIBED:
        if isinstance(widget, kinds):
            return describe(widget)
    return "html_box", {"value": "This control cannot be shown here."}


def _buttons(widget: Buttons) -> tuple[str, dict[str, Any]]:
    texts, width = [button.description for button in widget.buttons], widget.buttons[0].layout.width
    if len(texts) == 1:
        return "button", {"text": texts[0], "width": width}
    return "button_bar", {"value_labels": texts, "width": width, **_table(len(texts), widget.ncols)}


def _selector(widget: Any) -> tuple[str, dict[str, Any]]:
    labels = list(widget._options_labels)
    kind = next(name for kind, name in KINDS if isinstance(widget, kind))
    columns = getattr(widget, "_ncols", len(labels))
    about = {"subtype": kind, "value_labels": labels, "default": widget.index, "width": ""}
    return "selector", {**about, **_table(len(labels), columns)}


def _table(count: int, columns: int) -> dict[str, int]:
    return {"values": count, "nrows": -(-count // max(columns, 1)), "ncols": columns}


def _slider(widget: Any) -> tuple[str, dict[str, Any]]:
    has_two = isinstance(widget, RANGES)
    discrete = isinstance(widget, (SelectionSlider, SelectionRangeSlider))
    held = widget.index if discrete else widget.value
    about: dict[str, Any] = {
        "subtype": ("discrete" if discrete else "continuous") + ("_range" if has_two else ""),
        "default": list(held) if has_two else held,
        "display_value": bool(getattr(widget, "readout", True)),
    }  # fmt: skip
    if discrete:
        labels = list(widget._options_labels)
        return "slider", {**about, "values": labels, "range": [0, len(labels) - 1], "step": 1}
    return "slider", {**about, "range": [widget.min, widget.max], "step": getattr(widget, "step", None) or 1}


def _sliders(widget: Sliders) -> tuple[str, dict[str, Any]]:
    described = [_slider(slider)[1] for slider in widget.sliders]
    about = {name: [one[name] for one in described] for name in ("default", "range", "step")}
    if "values" in described[0]:
        about["values"] = [one["values"] for one in described]
    first = described[0]
    return "multi_slider", {
        **about, "subtype": first["subtype"], "sliders": len(described), "display_values": first["display_value"],
    }  # fmt: skip


def _box(widget: Any) -> tuple[str, dict[str, Any]]:
    is_area = isinstance(widget, Textarea)
    return "input_box", {
        "subtype": "textarea" if is_area else "input", "default": str(widget.value),
        "width": getattr(widget, "_chars", 0) or BOX_CHARS, "height": (is_area and widget.rows) or 1,
        "evaluate": isinstance(widget, EvalWidget), "keypress": widget.continuous_update,
    }  # fmt: skip


def _grid(widget: Grid) -> tuple[str, dict[str, Any]]:
    rows = widget.rows
    return "input_grid", {
        "nrows": len(rows), "ncols": len(rows[0]), "default": [[box.value for box in row] for row in rows],
        "width": getattr(rows[0][0], "_chars", 0) or 5, "evaluate": isinstance(rows[0][0], EvalWidget),
    }  # fmt: skip


_DESCRIBED: tuple[tuple[Any, Callable[[Any], tuple[str, dict[str, Any]]]], ...] = (
    (Buttons, _buttons),
    (Grid, _grid),
    (Sliders, _sliders),
    (ipywidgets.Checkbox, lambda widget: ("checkbox", {"default": widget.value})),
    (ipywidgets.ColorPicker, lambda one: ("color_selector", {"default": one.value, "hide_input": one.concise})),
    ((HTML, HTMLMath), lambda widget: ("html_box", {"value": widget.value})),
    (BOXES, _box),
    ((SelectionSlider, _BoundedInt, _BoundedFloat, *RANGES), _slider),
    (CHOICES, _selector),
)
