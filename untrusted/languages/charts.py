"""Sends Altair's charts as data, which pages draw, where Altair would send a page that loads scripts from elsewhere."""

from __future__ import annotations

import sys
from typing import Any

VEGA_LITE = "application/vnd.vegalite.v{}+json"
VERSIONS = (5, 6)  # of Vega-Lite, which the modules of Altair 5 and 6 have in their names
# What a reader chooses to have something else: a picture, the data as JSON.
OTHER_RENDERERS = frozenset({"png", "svg", "json", "olli"})


def show_altair(shell: Any) -> None:
    """Have IPython's shell send Altair's charts as data; Altair is not loaded for it."""
    formatter = shell.display_formatter.mimebundle_formatter
    for version in VERSIONS:
        formatter.for_type_by_name(f"altair.vegalite.v{version}.api", "TopLevelMixin", bundle)


def bundle(chart: Any, include: object = None, exclude: object = None) -> object:
    """Return what is sent of a chart: its specification, with the options of its display as metadata."""
    altair = sys.modules["altair"]
    if altair.renderers.active in OTHER_RENDERERS:
        return chart._repr_mimebundle_(include, exclude)
    kind = VEGA_LITE.format(altair.SCHEMA_VERSION.lstrip("v").partition(".")[0])
    options = altair.renderers.options.get("embed_options") or {}
    return {kind: chart.to_dict(context={"pre_transform": False}), "text/plain": repr(chart)}, {kind: options}
