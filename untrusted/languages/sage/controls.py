"""Stands for the controls of interacts, of which only the values at which they begin are used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any


class Control:
    """What remains of a control: the value at which it begins."""

    def __init__(self, default: Any) -> None:
        self.default = default


def first_value(abbreviation: Any) -> Any:
    """Return where the control begins that SageMathCell would make of a parameter's default."""
    if isinstance(abbreviation, Control):
        return abbreviation.default
    if isinstance(abbreviation, tuple) and len(abbreviation) == 2:
        first, second = abbreviation
        if isinstance(first, str):  # a label and what it stands at
            return first_value(second)
        if isinstance(second, (Iterable, Control)) and not isinstance(second, str):
            return first  # a value and those to choose from
    if isinstance(abbreviation, Mapping):
        return next(iter(abbreviation.values()), None)
    if isinstance(abbreviation, (list, tuple, range, Iterator)):
        return _value(next(iter(abbreviation), None))
    return abbreviation


def slider(
    vmin: Any, vmax: Any = None, step_size: Any = None, default: Any = None, *_more: Any, **_options: Any
) -> Control:
    """Stand for a slider over an interval, or over a list of values."""
    if default is not None:
        return Control(default)
    return Control(vmin if vmax is not None else _value(next(iter(vmin), None)))


def range_slider(
    vmin: Any, vmax: Any = None, step_size: Any = None, default: Any = None, *_more: Any, **_options: Any
) -> Control:
    """Stand for a slider with two ends."""
    return Control(default if default is not None else (vmin, vmax))


def input_box(default: Any = None, *_more: Any, **_options: Any) -> Control:
    """Stand for a box to type into."""
    return Control(default)


def text_control(value: Any = "") -> Control:
    """Stand for a text between controls."""
    return Control(value)


def checkbox(default: Any = True, *_more: Any, **_options: Any) -> Control:
    """Stand for a box to tick."""
    return Control(bool(default))


def selector(values: Any, label: Any = None, default: Any = None, *_more: Any, **_options: Any) -> Control:
    """Stand for a list or a row of buttons."""
    return Control(default if default is not None else _value(next(iter(values), None)))


def input_grid(
    nrows: int = 1, ncols: int = 1, default: Any = 0, label: Any = None, to_value: Any = None, **_options: Any
) -> Control:
    """Stand for a table of boxes."""
    rows = default if isinstance(default, list) else [[default] * int(ncols) for _ in range(int(nrows))]
    return Control(rows if to_value is None else to_value(rows))


def color_selector(default: Any = (0, 0, 1), *_more: Any, **_options: Any) -> Control:
    """Stand for a choice of colours."""
    from sage.plot.colors import Color

    return Control(Color(default))


# --- SageMathCell's own controls ------------------------------------------------------------------------------------
def expression_box(default: Any = "0", *_more: Any, **_options: Any) -> Control:
    """Stand for a box whose text is evaluated."""
    from sage.misc.sage_eval import sage_eval
    from sage.repl.user_globals import get_globals

    return Control(sage_eval(default, get_globals()) if isinstance(default, str) else default)


def choice(
    values: Any = (0, 1), default: Any = None, *_more: Any, range_slider: bool = False, **_options: Any
) -> Control:
    """Stand for a list of values, or for a slider over them, which may have two ends."""
    values = [_value(value) for value in values]
    if range_slider:
        return Control(tuple(default) if default is not None else (values[0], values[-1]))
    return Control(default if default is not None else values[0])


def interval(
    interval: Any = (0, 100), default: Any = None, *_more: Any, range_slider: bool = False, **_options: Any
) -> Control:
    """Stand for a slider over an interval, which may have two ends."""
    low, high = sorted(map(float, interval))
    if range_slider:
        return Control(tuple(default) if default is not None else (low, high))
    return Control(float(default) if default is not None else low)


def sliders(
    sliders: int = 1, values: Any = ((0, 1),), interval: Any = ((0, 1),), slider_type: str = "continuous",
    default: Any = None, *_more: Any, **_options: Any,
) -> Control:  # fmt: skip
    """Stand for several sliders beside each other."""
    starts = [row[0] for row in (values if slider_type == "discrete" else interval)]
    begin = starts if default is None else list(default) if isinstance(default, (list, tuple)) else [default]
    return Control(begin * int(sliders) if len(begin) == 1 else begin)


def buttons(values: Any = (0,), default: Any = "", *_more: Any, **_options: Any) -> Control:
    """Stand for buttons none of which has been pressed."""
    return Control(default)


def button(default: Any = "", *_more: Any, **_options: Any) -> Control:
    """Stand for a button that has not been pressed."""
    return Control(default)


def update_button(text: str = "Update", value: Any = "", default: Any = "", *_more: Any, **_options: Any) -> Control:
    """Stand for the button that runs the function."""
    return Control(default)


def _value(choice: Any) -> Any:
    # A choice may have its label beside it.
    return choice[0] if isinstance(choice, tuple) and len(choice) == 2 and isinstance(choice[1], str) else choice


OLD_CONTROLS = (slider, range_slider, input_box, text_control, checkbox, selector, input_grid, color_selector)
CONTROLS: dict[str, Callable[..., Control]] = {
    **{function.__name__: function for function in OLD_CONTROLS},
    "Checkbox": checkbox,
    "InputBox": input_box,
    "ExpressionBox": expression_box,
    "InputGrid": input_grid,
    "Selector": choice,
    "DiscreteSlider": choice,
    "ContinuousSlider": interval,
    "MultiSlider": sliders,
    "ColorSelector": color_selector,
    "Button": button,
    "ButtonBar": buttons,
    "HtmlBox": text_control,
    "UpdateButton": update_button,
}
