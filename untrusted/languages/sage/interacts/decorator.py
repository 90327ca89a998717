"""``@interact``, with the options that SageMathCell has."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from untrusted.languages.sage.interacts import layout as layouts
from untrusted.languages.sage.interacts import locations as places
from untrusted.languages.sage.interacts.buttons import Update
from untrusted.languages.sage.interacts.controls import opened
from untrusted.languages.sage.interacts.errors import InteractError, short
from untrusted.languages.sage.interacts.guess import control_for
from untrusted.languages.sage.interacts.interact import Function, Interact
from untrusted.languages.sage.interacts.panel import Panel

SEVERAL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def interact(
    f: Any = None, controls: Any = None, update: Iterable[str] | None = None, layout: Any = None, locations: Any = None,
    output: bool = True, readonly: bool = False, automatic_labels: bool = True, **defaults: Any,
) -> Any:  # fmt: skip
    """Show controls for the parameters of a function, and what it says and shows at what they hold, whenever one moves.

    ``controls``: names, or pairs of a name and a control, beside the parameters; they may be the only argument.
    ``defaults``: controls instead of those that the parameters' defaults stand for. ``update``: names of the controls
    that run the function; the others wait for them. ``layout``: rows of names or of pairs of a name and a width, or
    such rows by place: top, bottom, left, right; ``_output`` names the output. ``locations``: selectors in the page,
    by name; True: the elements whose ids are the names; a text: those whose ids begin with it. ``output``: whether
    what the function shows is shown. ``readonly``: controls cannot be moved. ``automatic_labels``: a control without a
    label has its name. Raises InteractError.
    """
    options = {"update": update, "layout": layout, "locations": locations, "output": output, "readonly": readonly,
               "automatic_labels": automatic_labels, **defaults}  # fmt: skip
    if f is None or not callable(f):
        return functools.partial(interact, controls=controls if f is None else f, **options)
    made = make(f._function if isinstance(f, Interact) else f, controls, options, defaults)
    made._show()
    return made


def make(function: Function, controls: Any, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> Interact:
    """Return the interact of a function, not shown yet. Raises InteractError."""
    name = getattr(function, "__name__", "the function")
    given, is_handed_over = _given(function, _pairs(controls), dict(defaults))
    names = [one for one, _ in given]
    _check_names(names)
    updates = _updates(options["update"], name, names)
    elsewhere = places.read(options["locations"], name, names)
    has_output = bool(options["output"])
    laid = layouts.read(options["layout"], name, names, has_output=has_output, placed=elsewhere)
    made = {one: opened(control_for(one, default)) for one, default in given}
    movers = updates | {one for one, control in made.items() if isinstance(control, Update)}
    return Interact(
        function, made, Panel(laid, elsewhere, has_output=has_output), movers=movers or names,
        is_handed_over=is_handed_over, has_labels=bool(options["automatic_labels"]),
        is_readonly=bool(options["readonly"]),
    )  # fmt: skip


def _given(
    function: Callable[..., Any], listed: list[tuple[str, Any]], defaults: dict[str, Any]
) -> tuple[list[tuple[str, Any]], bool]:
    """Return names and what their controls are made of, and whether the function is handed its interact first."""
    parameters = list(inspect.signature(function).parameters.values())
    takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    named = [parameter for parameter in parameters if parameter.kind not in SEVERAL]
    outside = {name for name, _ in listed} | defaults.keys()
    is_handed_over = bool(named) and named[0].default is named[0].empty and named[0].name not in outside
    of_function = named[is_handed_over:]
    known = {parameter.name for parameter in of_function}
    for name in outside - known if not takes_all else ():
        raise InteractError(f"{function.__name__} has no parameter {short(name)}, and so no control of this name.")
    given = []
    # SageMathCell has a list of controls stand for parameters that have no default.
    stand_for = {name for name, _ in listed}
    for parameter in of_function:
        if parameter.name in defaults:
            given.append((parameter.name, defaults.pop(parameter.name)))
        elif parameter.default is not parameter.empty:
            given.append((parameter.name, parameter.default))
        elif parameter.name not in stand_for:
            given.append((parameter.name, 0))
    return [*given, *listed, *defaults.items()], is_handed_over


def _pairs(controls: Any) -> list[tuple[str, Any]]:
    """Return pairs of a name and what its control is made of; a name alone has a box for an expression."""
    if isinstance(controls, Mapping):
        return list(controls.items())
    pairs = []
    for control in controls or ():
        if isinstance(control, str):
            pairs.append((control, 0))
        elif isinstance(control, (tuple, list)) and len(control) == 2 and isinstance(control[0], str):
            pairs.append((control[0], 0 if control[1] is None else control[1]))
        else:
            raise InteractError(f"Controls are names, or pairs of a name and a control; {short(control)} is none.")
    return pairs


def _updates(update: Any, function: str, names: list[str]) -> set[str]:
    updates = {update} if isinstance(update, str) else set(update or ())
    for name in updates - set(names):
        raise InteractError(f"update names {short(name)}, which is no control of {function}.")
    return updates


def _check_names(names: list[str]) -> None:
    """Raise InteractError for names that no control may have, or that stand twice."""
    for name in names:
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
            raise InteractError(f"{short(name)} is no name of a control; a Python name that begins with a letter is.")
        if names.count(name) > 1:
            raise InteractError(f"The control {name} is given twice; once is right.")
