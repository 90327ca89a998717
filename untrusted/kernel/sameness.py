"""Says whether a value of an answer is what a check expects, as a reader would say it."""

from __future__ import annotations

from fractions import Fraction
from numbers import Number
from typing import Any

from untrusted.plain_values import Shown, UnreadableError, from_plain, is_of_formulas, to_plain

TOLERANCE = 1e-9  # of numbers that are not exact, relative and absolute


def same(got: Any, expected: Any, tolerance: float = TOLERANCE) -> bool:
    """Return whether two values are the same to a reader: 2 and 2.0, a list and a tuple, equal expressions are."""
    try:
        return _same(from_plain(to_plain(got)), from_plain(to_plain(expected)), tolerance)
    except UnreadableError:
        return False


def _same(got: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(got, bool) or isinstance(expected, bool):
        return got is expected
    if isinstance(got, Number) and isinstance(expected, Number) and not _is_formula(got, expected):
        return _same_number(got, expected, tolerance)
    if isinstance(got, (list, tuple)) and isinstance(expected, (list, tuple)):
        return len(got) == len(expected) and all(
            _same(one, other, tolerance) for one, other in zip(got, expected, strict=True)
        )
    if isinstance(got, dict) and isinstance(expected, dict):
        return got.keys() == expected.keys() and all(_same(got[key], expected[key], tolerance) for key in got)
    if _is_formula(got, expected):
        return _same_formula(got, expected, tolerance)
    return type(got) is type(expected) and bool(got == expected)


def _same_number(got: Any, expected: Any, tolerance: float) -> bool:
    exact = (int, Fraction)
    if isinstance(got, exact) and isinstance(expected, exact):
        return got == expected
    try:
        one, other = complex(got), complex(expected)
    except OverflowError:
        return bool(got == expected)
    if one == other or (one != one and other != other):  # NaN is what differs from itself
        return True
    return abs(one - other) <= max(tolerance * max(abs(one), abs(other)), tolerance)


def _is_formula(*values: Any) -> bool:
    return any(is_of_formulas(value) for value in values)


def _same_formula(got: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(got, (str, Shown)) or isinstance(expected, (str, Shown)):
        return False
    try:
        return _same_number(complex(got), complex(expected), tolerance)
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        pass  # it is no number
    try:
        difference = got - expected
        if hasattr(difference, "simplify_full"):
            return bool(difference == 0) or bool(difference.simplify_full() == 0)
        return bool(difference.simplify() == 0) if hasattr(difference, "simplify") else bool(difference == 0)
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        return False
