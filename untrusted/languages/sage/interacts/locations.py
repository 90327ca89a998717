"""Controls that stand in other places of the page: which, and how the page is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from IPython.display import display
from ipywidgets import Widget

from untrusted.languages.sage.interacts.errors import InteractError, short
from untrusted.languages.sage.interacts.layout import BOOKMARKS, OUTPUT

VIEW = "application/vnd.jupyter.widget-view+json"


def read(given: Any, function: str, names: Iterable[str]) -> dict[str, str]:
    """Return the selectors in the page, by what stands there: one for each control, or those of a dict.

    True and a text stand for the ids of the page's elements, the text being what all of them begin with. Raises
    InteractError.
    """
    names = [*names, OUTPUT, BOOKMARKS]
    if given is None or given is False:
        return {}
    if given is True or isinstance(given, str):
        prefix = "" if given is True else given
        return {name: f"#{prefix}{name}" for name in names}
    if not isinstance(given, Mapping):
        raise InteractError(f"Locations are True, the beginning of ids or a dict of selectors, not {short(given)}.")
    for name, selector in given.items():
        if name not in names:
            raise InteractError(f"The locations name {short(name)}, which is no control of {function}.")
        if not isinstance(selector, str) or not selector.strip():
            raise InteractError(f"The locations give {name} {short(selector)}; a selector of the page is a text.")
    return dict(given)


def show(widget: Widget, text: str, selector: str | None = None, beside: Mapping[str, Any] | None = None) -> None:
    """Show a widget in the output or, where the page allows it, in its element that a selector names.

    ``beside``: what the bundle has for those who show no widgets.
    """
    view = {"model_id": widget.model_id, "version_major": 2, "version_minor": 0}
    metadata = {} if selector is None else {VIEW: {"location": selector}}
    display({VIEW: view, **(beside or {}), "text/plain": text}, metadata=metadata, raw=True)
