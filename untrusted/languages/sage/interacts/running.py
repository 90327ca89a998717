"""Runs the function of an interact in its output, says what it fails over, and forgets what its last run has made."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from IPython import get_ipython
from IPython.display import clear_output, display
from ipywidgets import Output
from ipywidgets.widgets.interaction import show_inline_matplotlib_plots

from untrusted.languages.sage.interacts.errors import InteractError, short

_under_way: list[Runs] = []  # one within the other


class Runs:
    """The runs of one interact's function, one after the other."""

    def __init__(self, output: Output, *, is_shown: bool) -> None:
        self._output, self._is_shown = output, is_shown
        self._made: list[Callable[[], None]] = []

    def run(self, name: str, values: Callable[[], dict[str, Any]], function: Callable[..., Any], *first: Any) -> None:
        """Call the function with these values, and show what it says in the place of what it said before.

        What it raises is shown there, too; where nothing is shown of it, in the cell.
        """
        self.forget()
        # What was drawn before is not the function's.
        show_inline_matplotlib_plots()
        failure: Exception | None = None
        with self._output:
            clear_output(wait=True)
            try:
                self._call(name, function, first, values())
            except Exception as error:
                if self._is_shown and not isinstance(error, InteractError):
                    raise
                failure = error
            if isinstance(failure, InteractError) and self._is_shown:
                print(failure, file=sys.stderr)
        if failure is not None and not self._is_shown:
            get_ipython().showtraceback((type(failure), failure, failure.__traceback__))

    def forget(self) -> None:
        """Take away the interacts that the last run has made."""
        made, self._made = self._made, []
        for close in made:
            close()

    def _call(self, name: str, function: Callable[..., Any], first: tuple[Any, ...], values: dict[str, Any]) -> None:
        _under_way.append(self)
        try:
            result = function(*first, **values)
            show_inline_matplotlib_plots()
            if result is not None:
                display(result)
        except InteractError:
            raise
        except Exception:
            at = ", ".join(f"{key} = {short(value)}" for key, value in values.items())
            print(f"{name} failed{f' at {at}' if at else ''}.", file=sys.stderr)
            raise
        finally:
            _under_way.remove(self)


def belongs_to_run(runs: Runs, close: Callable[[], None]) -> None:
    """Have what is made now, while another interact's function runs, be taken away when that runs again."""
    others = [other for other in _under_way if other is not runs]
    if others:
        others[-1]._made.append(close)
