"""Sliders: over numbers from one to another, and over lists of values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import Any

from ipywidgets import FloatRangeSlider, FloatSlider, SelectionRangeSlider, SelectionSlider, Widget
from sage.arith.srange import srange
from sage.repl.ipython_kernel import widgets, widgets_sagenb
from sage.rings.rational_field import QQ
from sage.rings.real_mpfr import RR
from sage.structure.element import Element, parent

from untrusted.languages.sage.interacts.controls import labelled, nearest
from untrusted.languages.sage.interacts.errors import InteractError, made, short

STEPS = 250  # of a slider whose author says nothing of steps, as SageMathCell has it
VALUES_MAX = 10_000  # of a slider over what a generator yields
LIST_MAX = 500  # of a slider from one fraction to another, as SageMathCell has it
DIGITS_MAX = 10


class ContinuousFloatSlider(widgets.TransformWidget, FloatSlider):
    """A slider over real numbers, whose value an adapter may change."""


class ContinuousFloatRangeSlider(widgets.TransformWidget, FloatRangeSlider):
    """A slider with two ends over real numbers, whose value an adapter may change."""


@made
def slider(
    vmin: Any, vmax: Any = None, step_size: Any = None, default: Any = None, label: Any = None,
    display_value: bool = True,
) -> Widget:  # fmt: skip
    """Make a slider from one number to another, or over a list of values, as Sage's own."""
    if isinstance(vmin, Iterable):
        return DiscreteSlider(_whole(vmin, vmax, step_size), default, label=label, display_value=display_value)
    low, high, step = _numbers(vmin, vmax, step_size, default)
    if step is not None and parent(low + high + step) is QQ:
        return DiscreteSlider(_steps(low, high, step), default, label=label, display_value=display_value)
    control = widgets_sagenb.slider(low, high, step, default=low if default is None else default)
    return labelled(_finish(control, step, display_value), label)


@made
def range_slider(
    vmin: Any, vmax: Any = None, step_size: Any = None, default: Any = None, label: Any = None,
    display_value: bool = True,
) -> Widget:  # fmt: skip
    """Make a slider with two ends, from one number to another or over a list of values, as Sage's own."""
    if isinstance(vmin, Iterable):
        values = _whole(vmin, vmax, step_size)
        return DiscreteSlider(values, default, range_slider=True, label=label, display_value=display_value)
    low, high, step = _numbers(vmin, vmax, step_size, None)
    ends = _ends(default, low, high)
    if step is not None and parent(low + high + step) is QQ:
        values = _steps(low, high, step)
        return DiscreteSlider(values, ends, range_slider=True, label=label, display_value=display_value)
    control = widgets_sagenb.range_slider(low, high, step, default=ends)
    return labelled(_finish(control, step, display_value), label)


@made
def DiscreteSlider(  # noqa: N802 - SageMathCell's name
    values: Any = (0, 1), default: Any = None, range_slider: bool = False, display_value: bool = True,
    label: Any = None,
) -> Widget:  # fmt: skip
    """Make a slider over a list of values, which begins at the one nearest to its default."""
    values = list(islice(values, VALUES_MAX))
    if len(values) < 2:
        raise InteractError(f"A slider over a list of values has {len(values)} of them; it needs two or more.")
    options = {"options": [(_short_label(value), value) for value in values], "readout": bool(display_value)}
    if range_slider:
        ends = (values[0], values[-1]) if default is None else _ends(default, values[0], values[-1])
        control = SelectionRangeSlider(**options, index=tuple(sorted(nearest(values, end) for end in ends)))
    else:
        control = SelectionSlider(**options, index=nearest(values, default), equals=_is)
    return labelled(control, label)


@made
def ContinuousSlider(  # noqa: N802 - SageMathCell's name
    interval: Any = (0, 100), default: Any = None, steps: Any = STEPS, stepsize: Any = 0, label: Any = None,
    range_slider: bool = False, display_value: bool = True, adapter: Any = None,
) -> Widget:  # fmt: skip
    """Make a slider over an interval, which begins at its left end."""
    if len(interval) != 2 or float(interval[0]) == float(interval[1]):
        raise InteractError(f"ContinuousSlider has the interval {short(interval)}; it needs two different numbers.")
    low, high = sorted(map(float, interval))
    steps = steps_through(interval, default) if steps == STEPS else steps
    step = float(stepsize) if 0 < stepsize <= high - low else (high - low) / (int(steps) if steps > 0 else STEPS)
    kind = ContinuousFloatRangeSlider if range_slider else ContinuousFloatSlider
    if range_slider:
        value: Any = _ends(default, low, high)
    else:
        value = low if default is None else _number("ContinuousSlider's default", default)
    control = kind(min=low, max=high, step=step, value=value, transform=adapter)
    return labelled(_finish(control, step, display_value), label)


def steps_through(interval: Any, default: Any) -> int:
    """Return how many steps a slider has, so that its default is one of them: pages move a slider to the nearest."""
    try:
        low, high = sorted(map(float, interval))
        share = (float(default) - low) / (high - low)
        found = (steps for steps in range(STEPS, 2 * STEPS) if abs(share * steps - round(share * steps)) < 1e-6)
        return next(found, STEPS)
    except (TypeError, ValueError, ArithmeticError):
        return STEPS  # no default, or none that is a number


def _is(one: Any, other: Any) -> bool:
    return one is other


def _short_label(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) or (isinstance(value, Element) and value in RR and not value.parent().is_exact()):
        return f"{float(value):.10g}"
    return short(value)


def _finish(control: Widget, step: Any, display_value: bool) -> Widget:
    control.readout = bool(display_value)
    if hasattr(control, "readout_format") and isinstance(control, (FloatSlider, FloatRangeSlider)):
        digits = 2 if step is None else math.ceil(-math.log10(min(1.0, float(step))) - 1e-9)
        control.readout_format = f".{min(max(digits, 1), DIGITS_MAX)}f"
    return control


def _numbers(vmin: Any, vmax: Any, step: Any, default: Any) -> tuple[Any, Any, Any]:
    """Return where a slider begins and ends, and its step or None. Raises InteractError."""
    low, high = (0, vmin) if vmax is None else (vmin, vmax)
    for what, value in (("beginning", low), ("end", high), ("step", step), ("default", default)):
        if value is not None:
            _number(f"a slider's {what}", value)
    if float(low) >= float(high):
        raise InteractError(f"A slider from {short(low)} to {short(high)} is empty; its end has to be the larger one.")
    if step is not None and float(step) <= 0:
        raise InteractError(f"A slider's step is {short(step)}; it has to be more than 0.")
    if (step is None and float(high) - float(low) < 2) or not _is_exact(low, high, step):
        # Of whole numbers there would be two, or none.
        step = step if step is not None else (float(high) - float(low)) / steps_through((low, high), default)
    return low, high, step


def _is_exact(*numbers: Any) -> bool:
    return all(value is None or QQ.has_coerce_map_from(parent(value)) for value in numbers)


def _number(what: str, value: Any) -> float:
    try:
        if not isinstance(value, str):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise InteractError(f"{what[0].upper()}{what[1:]} is {short(value)}; it has to be a number.")


def _ends(default: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """Return the two ends that a slider begins with. Raises InteractError."""
    if default is None:
        return low, high
    if not isinstance(default, (list, tuple)) or len(default) != 2:
        raise InteractError(f"A slider with two ends has the default {short(default)}; it needs two values.")
    return default[0], default[1]


def _steps(low: Any, high: Any, step: Any) -> list[Any]:
    """Return the values of a slider over fractions, at most LIST_MAX of them; its end is one."""
    if (high - low) / step > LIST_MAX:
        step = (high - low) / (LIST_MAX - 1)
    values = srange(low, high, step)
    return [*values, QQ(high)]


def _whole(values: Any, vmax: Any, step: Any) -> list[Any]:
    if vmax is not None or step is not None:
        raise InteractError("A slider over a list of values has neither an end nor a step.")
    return list(islice(values, VALUES_MAX))
