"""Boxes: for text, for expressions, to tick, for a colour, and HTML between controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipywidgets import Checkbox as TickBox
from ipywidgets import ColorPicker, Widget
from sage.misc.sage_eval import sage_eval
from sage.plot.colors import Color
from sage.repl.ipython_kernel import widgets, widgets_sagenb
from sage.repl.user_globals import get_globals

from untrusted.languages.sage.interacts.controls import labelled, written
from untrusted.languages.sage.interacts.errors import InteractError, made, short


@made
def input_box(
    default: Any = None, label: Any = None, type: Any = None, width: Any = 80, height: Any = 1, **options: Any
) -> Widget:
    """Make a box whose text is evaluated, and handed to ``type``; with ``type=str`` it is the text, as Sage's own."""
    if type is Color:
        return color_selector("blue" if default is None else default, label, options.get("hide_box", False))
    box = widgets_sagenb.input_box(written(default), type=type, width=int(width), height=int(height))
    return labelled(_calm(box, width), label)


@made
def InputBox(  # noqa: N802 - SageMathCell's name
    default: Any = "", label: Any = None, width: Any = 0, height: Any = 1, keypress: bool = False,
    adapter: Callable[[str], Any] | None = None,
) -> Widget:  # fmt: skip
    """Make a box whose text is the value, when Enter is pressed or, with ``keypress``, at every key."""
    kind = widgets.TransformTextarea if int(height) > 1 else widgets.TransformText
    box = kind(value=written(default), transform=adapter)
    return labelled(_calm(box, width, height, keypress), label)


@made
def ExpressionBox(  # noqa: N802 - SageMathCell's name
    default: Any = "0", label: Any = None, width: Any = 0, height: Any = 1, adapter: Callable[[Any], Any] | None = None
) -> Widget:
    """Make a box whose text is evaluated."""
    kind = widgets.EvalTextarea if int(height) > 1 else widgets.EvalText
    return labelled(_calm(kind(value=written(default), transform=adapter), width, height), label)


def expression(value: Any) -> Widget:
    """Make a box for a value that stands as a default. Raises InteractError for one that cannot be read back."""
    text = written(value)
    try:
        sage_eval(text, get_globals())
    except Exception:  # noqa: BLE001 - any text may stand there
        said = f"its default, {short(text)}, cannot be typed into a box; give it as a choice: [{short(text)}, …]."
        raise InteractError(said) from None
    variables = value.arguments() if hasattr(value, "expr") and callable(value) else None
    return ExpressionBox(text, adapter=variables and (lambda body: widgets_function(body, variables)))


def widgets_function(body: Any, variables: Any) -> Any:
    """Return the function of these variables whose value an expression is."""
    from sage.symbolic.ring import SR

    return SR(body).function(*variables)


@made
def checkbox(default: Any = True, label: Any = None) -> Widget:
    """Make a box to tick, as Sage's own."""
    return labelled(widgets_sagenb.checkbox(bool(default)), label)


@made
def Checkbox(default: Any = True, label: Any = None, raw: bool = True) -> Widget:  # noqa: N802
    """Make a box to tick."""
    return labelled(TickBox(value=bool(default)), label)


@made
def color_selector(
    default: Any = (0, 0, 1), label: Any = None, widget: Any = None, hide_box: bool = False
) -> Widget:
    """Make a choice of colours, as Sage's own."""
    return labelled(widgets_sagenb.color_selector(default, hide_box=bool(hide_box)), label)


@made
def ColorSelector(  # noqa: N802 - SageMathCell's name
    default: Any = "#000000", hide_input: bool = False, sage_color: bool = True, label: Any = None
) -> Widget:
    """Make a choice of colours, whose value is one of Sage's or, without ``sage_color``, its name in HTML."""
    kind = widgets.SageColorPicker if sage_color else ColorPicker
    return labelled(kind(value=Color(default).html_color(), concise=bool(hide_input)), label)


@made
def text_control(value: Any = "") -> Widget:
    """Make a text between controls, as Sage's own."""
    return labelled(widgets_sagenb.text_control(str(value)), "")


@made
def HtmlBox(value: Any = "", label: Any = "") -> Widget:  # noqa: N802 - SageMathCell's name
    """Make HTML between controls."""
    return labelled(widgets.HTMLMath(value=str(value)) if label else widgets.HTMLText(str(value)), label)


def _calm(box: Widget, width: Any = 0, height: Any = 1, keypress: bool = False) -> Widget:
    # A half-typed expression is an error at each key.
    box.continuous_update = bool(keypress)
    box.layout.max_width = None
    if int(width) > 0:
        box._chars = int(width)
    if int(height) > 1:
        box.rows = int(height)
    return box
