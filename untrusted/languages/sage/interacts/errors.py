"""What is wrong with an interact, said to who wrote it or moves its controls."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from traitlets import TraitError

P = ParamSpec("P")
T = TypeVar("T")
VALUE_CHARS_MAX = 60


class InteractError(ValueError):
    """An interact or a control that cannot be made, or a value that a control cannot have: one sentence."""

    def _render_traceback_(self) -> list[str]:
        # Where in our files it was found is nothing to a reader.
        return [f"InteractError: {self}"]


def made(make: Callable[P, T]) -> Callable[P, T]:
    """Have a function that makes a control say in a sentence what it cannot be made of."""

    @functools.wraps(make)
    def tried(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return make(*arguments, **named)
        except InteractError:
            raise
        except (TraitError, TypeError, ValueError, NotImplementedError, ArithmeticError) as error:
            raise InteractError(f"{make.__name__} cannot be made of this: {sentence(error)}") from None

    return tried


def sentence(error: BaseException) -> str:
    """Return what an error says, as a sentence."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if said.endswith((".", "!", "?")) else f"{said}."


def short(value: Any) -> str:
    """Return a value as it is written, cut where that is long."""
    written = value if isinstance(value, str) else repr(value)
    return written if len(written) <= VALUE_CHARS_MAX else f"{written[:VALUE_CHARS_MAX]}…"
