"""Several sliders beside each other, whose value is a list."""

from __future__ import annotations

from typing import Any

from ipywidgets import FloatSlider, HBox, Label, SelectionSlider, Widget
from traitlets import List, Unicode

from untrusted.languages.sage.interacts.controls import held, labelled, put
from untrusted.languages.sage.interacts.errors import InteractError, made
from untrusted.languages.sage.interacts.sliders import STEPS, ContinuousSlider, DiscreteSlider

SLIDERS_MAX = 100


class Sliders(HBox):
    """Upright sliders in a row."""

    value: Any = List()
    description = Unicode()

    def __init__(self, sliders: list[FloatSlider | SelectionSlider]) -> None:
        super().__init__()
        self._label = None
        self.caption, self.sliders, self.row = Label(), sliders, HBox(sliders)
        self.row.layout.flex_flow, self.row.layout.flex = "row wrap", "1 1 0%"
        for at, slider in enumerate(sliders):
            with slider.hold_sync(), slider.layout.hold_sync():
                slider.orientation, slider.description = "vertical", str(at + 1)
                slider.layout.width, slider.layout.height = "4.5em", "11em"
            slider.observe(self._collect, names="index" if isinstance(slider, SelectionSlider) else "value")
        self.observe(self._caption, names="description")
        self._caption(None)
        self._collect(None)

    def get_interact_value(self) -> list[Any]:
        """Return what the sliders stand at."""
        return [held("a slider", slider) for slider in self.sliders]

    def put(self, value: Any) -> None:
        """Let the sliders stand at these values, or all at one. Raises ValueError."""
        values = value if isinstance(value, (list, tuple)) else [value] * len(self.sliders)
        if len(values) != len(self.sliders):
            raise ValueError(f"it has {len(self.sliders)} sliders")
        for slider, one in zip(self.sliders, values, strict=True):
            put("a slider", slider, one)

    def _collect(self, _: Any) -> None:
        self.value = [slider.index if isinstance(slider, SelectionSlider) else slider.value for slider in self.sliders]

    def _caption(self, _: Any) -> None:
        self.caption.value = self.description
        self.children = [self.caption, self.row] if self.description else [self.row]


@made
def MultiSlider(  # noqa: N802 - SageMathCell's name
    sliders: Any = 1, values: Any = ((0, 1),), interval: Any = ((0, 1),), slider_type: str = "continuous",
    default: Any = None, stepsize: Any = (0,), steps: Any = (STEPS,), display_values: bool = True, label: Any = None,
) -> Widget:  # fmt: skip
    """Make sliders in a row: over intervals, or with the type ``discrete`` over lists of values."""
    count = int(sliders)
    if not 1 <= count <= SLIDERS_MAX:
        raise InteractError(f"MultiSlider has {count} sliders; it has from 1 to {SLIDERS_MAX}.")
    defaults = _each(default if isinstance(default, (list, tuple)) else [default], count, "default")
    if slider_type == "discrete":
        lists = _each(values, count, "values")
        made_of = [DiscreteSlider(lists[at], defaults[at], display_value=display_values) for at in range(count)]
    else:
        intervals, sizes = _each(interval, count, "interval"), _each(stepsize, count, "stepsize")
        numbers = _each(steps, count, "steps")
        made_of = [
            ContinuousSlider(intervals[at], defaults[at], numbers[at], sizes[at], display_value=display_values)
            for at in range(count)
        ]
    return labelled(Sliders(made_of), label)


def _each(given: Any, count: int, what: str) -> list[Any]:
    """Return one for each slider: of a list that has so many, or one for all of them. Raises InteractError."""
    given = list(given)
    if len(given) not in (1, count):
        raise InteractError(f"MultiSlider has {count} sliders and {what} for {len(given)}; it needs one or {count}.")
    return given * count if len(given) == 1 else given
