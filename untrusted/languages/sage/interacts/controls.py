"""What the controls of an interact have in common: each is one of ipywidgets, and holds a value for the function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ipywidgets import ColorPicker, SelectionRangeSlider, SelectionSlider, Text, Textarea, Widget
from ipywidgets.widgets.widget_selection import _Selection
from sage.plot.colors import Color
from sage.repl.ipython_kernel.widgets import EvalWidget
from traitlets import TraitError

from untrusted.languages.sage.interacts.errors import InteractError, sentence, short


def labelled(control: Widget, label: Any) -> Widget:
    """Note the label that an author gave a control; None: none, so that its name may stand there."""
    control._label = None if label is None else str(label).strip()
    return control


def held(name: str, control: Widget) -> Any:
    """Return the value of a control for the function. Raises InteractError where what stands in it is no value."""
    try:
        if isinstance(control, _Selection):
            # By its place: values of Sage may be equal and be two all the same, or take long to compare.
            return None if control.index is None else control._options_values[control.index]
        return control.get_interact_value()
    except Exception as error:  # noqa: BLE001 - what a reader has written into a box may raise anything
        written = getattr(error, "written", getattr(control, "value", ""))
        raise InteractError(f"{name} is no value as it stands, {short(written)!r}: {sentence(error)}") from None


def put(name: str, control: Widget, value: Any) -> None:
    """Let a control hold a value. Raises InteractError for one that it cannot have."""
    try:
        if hasattr(control, "put"):
            control.put(value)
        elif isinstance(control, SelectionSlider):
            control.index = nearest(control._options_values, value)
        elif isinstance(control, _Selection):
            control.index = place(control._options_values, value)
        elif isinstance(control, SelectionRangeSlider):
            control.index = tuple(sorted(nearest(control._options_values, end) for end in value))
        elif isinstance(control, ColorPicker):
            control.value = Color(value).html_color()
        elif isinstance(control, (EvalWidget, Text, Textarea)):
            control.value = written(value)
        else:
            control.value = value
    except (TraitError, TypeError, ValueError, AttributeError) as error:
        raise InteractError(f"{name} cannot be {short(value)}: {sentence(error)}") from None


def written(value: Any) -> str:
    """Return what stands in a box that holds a value."""
    if value is None or isinstance(value, str):
        return value or ""
    # A function such as f(x) = x^2: what maps is no expression that can be read back.
    return repr(value.expr()) if hasattr(value, "expr") and callable(value) else repr(value)


def place(values: Any, value: Any) -> int:
    """Return where a value stands among others. Raises ValueError where it is none of them."""
    for at, other in enumerate(values):
        if other is value:
            return at
    for at, other in enumerate(values):
        if _are_equal(other, value):
            return at
    choices = ", ".join(short(other) for other in values[:10])
    raise ValueError(f"its values are {choices}{', …' if len(values) > 10 else ''}")


def nearest(values: Any, value: Any) -> int:
    """Return where the value stands that is nearest to this one; None: the first. Raises ValueError for none."""
    if value is None:
        return 0
    try:
        return place(values, value)
    except ValueError:
        if isinstance(value, str):
            raise
        try:
            return min(range(len(values)), key=lambda at: abs(values[at] - value))
        except (TypeError, ArithmeticError):
            pass
        raise


def watch(control: Widget, moved: Callable[[], None]) -> Callable[[], None]:
    """Call ``moved`` whenever a reader has moved a control; return what ends that."""
    trait = "index" if isinstance(control, (_Selection, SelectionRangeSlider)) else getattr(control, "moves", "value")

    def changed(_: Any) -> None:
        moved()

    control.observe(changed, names=trait)
    again = control.when_pressed_again(moved) if hasattr(control, "when_pressed_again") else None

    def end() -> None:
        control.unobserve(changed, names=trait)
        if again is not None:
            again()

    return end


def within(widget: Widget) -> Iterator[Widget]:
    """Yield a widget, those in it, and what says how they look."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from within(child)
    for about in ("layout", "style"):
        if isinstance(look := getattr(widget, about, None), Widget):
            yield look


def opened(control: Widget) -> Widget:
    """Return a control that may have been taken away with an interact that had it, as one that is there."""
    for one in reversed(list(within(control))):
        one.open()  # what is in another one first, since that names it
    return control


def _are_equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - arrays, and what classes of readers do
        return False
