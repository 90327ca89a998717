"""Runs the function of ``@interact`` once, without controls, with the values at which they would begin."""

from __future__ import annotations

import inspect
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


def interact(f: Callable[..., Any] | None = None, **_options: Any) -> Any:
    """Run the function once with the values at which its controls begin, and say that they are not shown."""
    if f is None:
        return interact
    values: dict[str, Any] = {}
    for parameter in inspect.signature(f).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        has_default = parameter.default is not parameter.empty
        values[parameter.name] = first_value(parameter.default) if has_default else 0
    shown = ", ".join(f"{name} = {value}" for name, value in values.items() if name != "auto_update")
    print(f"The controls of @interact are not shown here; this is {getattr(f, '__name__', 'it')} for {shown}.")
    f(**values)
    return f


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


def _value(choice: Any) -> Any:
    # A choice may have its label beside it.
    return choice[0] if isinstance(choice, tuple) and len(choice) == 2 and isinstance(choice[1], str) else choice


CONTROLS = {
    function.__name__: function
    for function in (
        interact,
        slider,
        range_slider,
        input_box,
        text_control,
        checkbox,
        selector,
        input_grid,
        color_selector,
    )
}
