"""Which control the default of a parameter stands for, as SageMathCell reads it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from numbers import Number
from typing import Any

from ipywidgets import DOMWidget, Widget
from sage.arith.srange import srange
from sage.plot.colors import Color
from sage.structure.element import Matrix, Vector, parent

from untrusted.languages.sage.interacts import boxes, buttons, grids, selectors, sliders
from untrusted.languages.sage.interacts.controls import labelled, put
from untrusted.languages.sage.interacts.errors import InteractError, sentence, short

BUTTONS_MAX = 5  # values that are buttons, as SageMathCell has it; more are a list


def control_for(name: str, given: Any) -> Widget:
    """Return the control of a parameter. Raises InteractError with the parameter's name."""
    if name == "auto_update" and given is False:
        return buttons.UpdateButton()
    try:
        return _control(given)
    except InteractError as error:
        said = str(error)
        raise InteractError(f"No control can be made for {name}: {said[:1].lower()}{said[1:]}") from None
    except Exception as error:  # noqa: BLE001 - what an author gives may be of any class
        raise InteractError(f"No control can be made for {name} of {short(given)}: {sentence(error)}") from None


def _control(given: Any) -> Widget:
    label, default, given = _taken_apart(given)
    if isinstance(given, type) and issubclass(given, Widget):
        given = given()
    if isinstance(given, DOMWidget):
        control = given
        if not hasattr(control, "_label"):
            labelled(control, getattr(control, "description", "") or None)
    else:
        control = _guess(given, default)
    if default is not None:
        put("it", control, default)
    return labelled(control, label) if label is not None else control


def _taken_apart(given: Any) -> tuple[Any, Any, Any]:
    """Return a label or None, a default or None, and the rest: both may stand before it, in any order."""
    label = default = None
    for _ in range(2):
        if isinstance(given, tuple) and len(given) == 2:
            first, second = given
            if isinstance(first, str) and label is None:
                label, given = first, second
            elif isinstance(second, (tuple, list, Iterator, range, Widget)) and default is None:
                default, given = first, second
    return label, default, given


def _guess(given: Any, default: Any) -> Widget:
    if isinstance(given, str):
        return boxes.InputBox(given)
    if isinstance(given, bool):
        return boxes.Checkbox(given)
    if isinstance(given, range):
        given = list(given)
    if isinstance(given, dict):
        return selectors.Selector(given)
    if isinstance(given, list):
        if len(given) == 1:
            return selectors.selector(given, buttons=True)
        return selectors.Selector(given, selector_type="button" if len(given) <= BUTTONS_MAX else "list")
    if isinstance(given, tuple):
        return _of_tuple(given, default)
    if isinstance(given, Iterator):
        return sliders.DiscreteSlider(islice(given, sliders.VALUES_MAX), default)
    if isinstance(given, Matrix):
        return grids.InputGrid(given.nrows(), given.ncols(), given.list(), adapter=parent(given))
    if isinstance(given, Vector):
        space = parent(given)
        return grids.InputGrid(1, len(given), given.list(), adapter=lambda rows: space(rows[0]))
    if isinstance(given, Color):
        return boxes.ColorSelector(given)
    return boxes.expression(given)


def _of_tuple(given: tuple[Any, ...], default: Any) -> Widget:
    if len(given) == 2:
        return sliders.ContinuousSlider(given, steps=sliders.steps_through(given, default))
    if len(given) == 3 and all(isinstance(one, Number) or hasattr(one, "n") for one in given):
        low, high, step = given
        if float(step) <= 0 or float(low) >= float(high):
            raise InteractError(f"{short(given)} is no range; it goes up, by a step of more than 0.")
        return sliders.DiscreteSlider(srange(low, high, step, include_endpoint=True))
    return sliders.DiscreteSlider(given)
