"""Runs the function of ``@interact`` once, without controls, with the values at which they would begin."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from untrusted.languages.sage.controls import CONTROLS, first_value

Function = Callable[..., Any]


class Interact:
    """What ``@interact`` makes of a function: it is called as before, and its controls are attributes.

    As in SageMathCell, an attribute is set by assignment, one that is new becomes a control, ``_update()`` runs the
    function again with what they hold, and ``_state()`` returns it.
    """

    def __init__(self, function: Function, values: dict[str, Any], is_handed_over: bool) -> None:
        functools.update_wrapper(self, function)
        self._function, self._values, self._is_handed_over = function, values, is_handed_over
        self._changed = list(values)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._function(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"Interact has no control {name!r}")
        return self._values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        self._values[name] = value if name in self._values else first_value(value)
        self._note(name)

    def __delattr__(self, name: str) -> None:
        if name not in self._values:
            raise AttributeError(f"Interact has no control {name!r}")
        del self._values[name]
        self._note(name)

    def __dir__(self) -> Iterable[str]:
        return sorted([*self._values, "_bookmark", "_changed", "_set_bookmarks", "_state", "_update"])

    def __repr__(self) -> str:
        return f"<interact {self._function.__name__}({', '.join(f'{name}={value!r}' for name, value in self._shown)})>"

    def _state(self, state: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Return what the controls hold, or let them hold something."""
        if state is None:
            return dict(self._values)
        for name, value in state.items():
            setattr(self, name, value)
        return None

    def _update(self) -> None:
        """Run the function with what the controls hold."""
        self._function(*([self] if self._is_handed_over else []), **self._values)
        self._changed = []

    def _bookmark(self, name: str, state: dict[str, Any] | None = None) -> None:
        """Accept a state to come back to: there are no buttons for it."""

    def _set_bookmarks(self, bookmarks: Any) -> None:
        """Accept states to come back to, likewise."""

    @property
    def _shown(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in self._values.items() if name != "auto_update"]

    def _note(self, name: str) -> None:
        if name not in self._changed:
            self._changed.append(name)


def interact(f: Any = None, controls: Iterable[Any] | None = None, *_more: Any, **options: Any) -> Any:
    """Run the function once with the values at which its controls begin, and say that they are not shown.

    ``controls``: names, or pairs of a name and a control, for the function's ``**`` parameter; they may be the only
    argument.
    """
    if f is None or not callable(f):
        return functools.partial(interact, controls=controls if f is None else f, **options)
    function = f._function if isinstance(f, Interact) else f
    made = Interact(function, *_beginning(function, controls or ()))
    shown = ", ".join(f"{name} = {value}" for name, value in made._shown)
    name = getattr(function, "__name__", "it")
    print(f"The controls of @interact are not shown here; this is {name}{f' for {shown}' if shown else ''}.")
    made._update()
    return made


def _beginning(function: Function, controls: Iterable[Any]) -> tuple[dict[str, Any], bool]:
    """Return the values at which the controls begin, and whether the function is handed its interact first."""
    parameters = inspect.signature(function).parameters.values()
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [parameter for parameter in parameters if parameter.kind not in several]
    is_handed_over = bool(named) and named[0].default is named[0].empty
    values: dict[str, Any] = {}
    for parameter in named[is_handed_over:]:
        values[parameter.name] = first_value(parameter.default) if parameter.default is not parameter.empty else 0
    for control in controls:
        name, abbreviation = (control, 0) if isinstance(control, str) else control
        values[name] = first_value(abbreviation)
    return values, is_handed_over


NAMES = {"interact": interact, **CONTROLS}
