"""Names of interacts: ``interact`` and what makes controls. What is behind them is loaded when one is first used."""

from __future__ import annotations

from typing import Any

from sage.misc.lazy_import import LazyImport

MODULES = {
    "boxes": ("Checkbox", "ColorSelector", "ExpressionBox", "HtmlBox", "InputBox", "checkbox", "color_selector",
              "input_box", "text_control"),
    "buttons": ("Button", "ButtonBar", "UpdateButton"),
    "decorator": ("interact",),
    "grids": ("InputGrid", "input_grid"),
    "multi_slider": ("MultiSlider",),
    "selectors": ("Selector", "selector"),
    "sliders": ("ContinuousSlider", "DiscreteSlider", "range_slider", "slider"),
}  # fmt: skip


def put_names(namespace: dict[str, Any]) -> None:
    """Put the names into a namespace."""
    for module, names in MODULES.items():
        for name in names:
            namespace[name] = LazyImport(f"{__name__}.{module}", name, namespace=namespace)
