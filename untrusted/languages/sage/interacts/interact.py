"""The interact itself: what ``@interact`` makes of a function, and what a function is handed that asks for it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from typing import Any

from ipywidgets import Widget
from traitlets import TraitError

from untrusted.languages.sage.interacts import described
from untrusted.languages.sage.interacts import panel as panels
from untrusted.languages.sage.interacts.buttons import Update
from untrusted.languages.sage.interacts.controls import held, put, watch
from untrusted.languages.sage.interacts.entries import Entries
from untrusted.languages.sage.interacts.guess import control_for
from untrusted.languages.sage.interacts.running import Runs, belongs_to_run

Function = Callable[..., Any]
NOT_HANDED = "auto_update"  # it says when the function runs, and is no value of its


class Interact:
    """What ``@interact`` makes of a function: it is called as before, and its controls are attributes.

    As in SageMathCell, an attribute is set by assignment, one that is new becomes a control, ``del`` takes one away,
    ``_changed`` names those that have been moved since the last run, ``_update()`` runs the function again with what
    they hold, ``_state()`` returns or sets that, and ``_bookmark(name)`` offers a button that comes back to it.
    """

    def __init__(
        self, function: Function, controls: dict[str, Widget], panel: panels.Panel,
        *, movers: Iterable[str], is_handed_over: bool, has_labels: bool, is_readonly: bool,
    ) -> None:  # fmt: skip
        functools.update_wrapper(self, function)
        self._function, self._controls, self._panel = function, controls, panel
        self._movers, self._is_handed_over = set(movers), is_handed_over
        self._dressing = {"has_labels": has_labels, "is_readonly": is_readonly}
        self._changed = list(controls)
        self._unwatch: dict[str, Callable[[], None]] = {}
        self._is_quiet = False
        self._runs = Runs(panel.output, is_shown=panel.has_output)
        for name in controls:
            self._watch(name)
        panels.dress(controls, **self._dressing)
        panel.arrange(controls)
        panel.output.on_msg(self._told)
        belongs_to_run(self._runs, self._close)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._function(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        self._check(name)
        value = held(name, self._controls[name])
        if isinstance(value, list):
            return Entries(value, lambda values: setattr(self, name, values))
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        elif name in self._controls:
            self._put(name, value._values if isinstance(value, Entries) else value)
        else:
            self._add(name, value)

    def __delattr__(self, name: str) -> None:
        self._check(name)
        self._unwatch.pop(name)()
        control = self._controls.pop(name)
        self._movers.discard(name)
        self._panel.arrange(self._controls)
        for one in list(panels.within(control)):
            one.close()
        self._tell("del-control", {"name": name})
        self._note(name)

    def __dir__(self) -> Iterable[str]:
        return sorted([*self._controls, "_bookmark", "_changed", "_set_bookmarks", "_state", "_update"])

    def _ipython_display_(self) -> None:
        """Show nothing: as the value of a cell it has been shown."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._values().items())
        return f"<interact {self._name}({shown})>"

    def _state(self, state: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Return what the controls hold, or let them hold something."""
        if state is None:
            return {name: held(name, control) for name, control in self._controls.items() if name != NOT_HANDED}
        for name, value in state.items():
            setattr(self, name, value)
        return None

    def _update(self) -> None:
        """Run the function with what the controls hold."""
        try:
            self._runs.run(self._name, self._values, self._function, *([self] if self._is_handed_over else []))
        finally:
            self._changed = []
            for control in self._controls.values():
                if hasattr(control, "reset"):
                    control.reset()

    def _bookmark(self, name: str, state: dict[str, Any] | None = None) -> None:
        """Offer a button that lets the controls hold what they hold now, or another state."""
        kept = dict(self._state() or {} if state is None else state)
        for control in kept:
            self._check(control)

        def come_back() -> None:
            self._state({control: value for control, value in kept.items() if control in self._controls})
            self._update()

        self._panel.bookmark(str(name), come_back)
        values = {control: described.value(self._controls[control]) for control in self._controls}
        self._tell("bookmark", {"name": str(name), "values": values})

    def _set_bookmarks(self, bookmarks: Any) -> None:
        """Offer a button for each pair of a name and a state; a text is such a list in JSON."""
        for name, state in json.loads(bookmarks) if isinstance(bookmarks, str) else bookmarks:
            self._bookmark(name, state)

    @property
    def _name(self) -> str:
        return getattr(self._function, "__name__", "The function")

    def _values(self) -> dict[str, Any]:
        return {name: held(name, control) for name, control in self._controls.items() if name != NOT_HANDED}

    def _check(self, name: str) -> None:
        if name not in self._controls:
            raise AttributeError(f"Interact has no control {name!r}")

    def _add(self, name: str, value: Any) -> None:
        control = control_for(name, value)
        self._controls[name] = control
        if not any(isinstance(other, Update) for other in self._controls.values()):
            self._movers.add(name)
        self._watch(name)
        panels.dress(self._controls, **self._dressing)
        self._panel.arrange(self._controls)
        self._tell("new-control", {"name": name, "control": described.control(control, name in self._movers)})
        self._note(name)

    def _put(self, name: str, value: Any) -> None:
        self._is_quiet = True
        try:
            put(name, self._controls[name], value)
        finally:
            self._is_quiet = False
        self._tell("update", {"control": name, "value": described.value(self._controls[name])})
        self._note(name)

    def _watch(self, name: str) -> None:
        self._unwatch[name] = watch(self._controls[name], functools.partial(self._moved, name))

    def _moved(self, name: str) -> None:
        if name not in self._controls or self._is_quiet:
            return
        self._note(name)
        if name in self._movers:
            self._update()

    def _note(self, name: str) -> None:
        if name not in self._changed:
            self._changed.append(name)

    def _show(self) -> None:
        text = f"Interactive function {self._name}: {', '.join(self._controls) or 'no controls'}"
        self._panel.show(text, self._controls, {described.TYPE: self._described()})
        self._update()

    def _described(self) -> dict[str, Any]:
        return described.interact(
            self._panel.output.model_id, self._controls, self._panel.layout, self._panel.places, self._movers,
            is_readonly=self._dressing["is_readonly"],
        )  # fmt: skip

    def _told(self, _: Any, content: Any, buffers: Any) -> None:
        """Move the controls that SageMathCell's script says were moved."""
        moved = []
        self._is_quiet = True
        try:
            for name, value in content["values"].items():
                if name in self._controls:
                    described.take(self._controls[name], value)
                    self._note(name)
                    moved.append(name)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, TraitError):
            return  # no such script says this
        finally:
            self._is_quiet = False
        if content.get("update_last") or self._movers.intersection(moved):
            self._update()

    def _tell(self, what: str, about: dict[str, Any]) -> None:
        """Tell SageMathCell's script what the code has changed."""
        id = self._panel.output.model_id
        self._panel.output.send({f"application/sage-interact-{what}": {"interact_id": id, **about}})

    def _close(self) -> None:
        """Go, with the controls and what the last run has made: the function that made it runs again."""
        self._runs.forget()
        for unwatch in self._unwatch.values():
            unwatch()
        self._unwatch.clear()
        for control in self._controls.values():
            for one in list(panels.within(control)):
                one.close()
        self._panel.close()
