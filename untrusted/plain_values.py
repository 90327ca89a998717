"""Turns values of a namespace into plain data that another process can read without running anything, and back.

A plain value is a list of a tag and what belongs to it, fit for JSON. Who writes it may be hostile: reading makes
numbers, texts and containers of Python's own, never an object of a class that the writer chose, and evaluates no text.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

from untrusted.formulas import Shown, Symbols, UnreadableError, read_formula, read_with

DEPTH_MAX = 16  # each level of a dict is three of JSON, which has at most JSON_DEPTH_MAX
ITEMS_MAX = 20_000
TEXT_CHARS_MAX = 20_000
SHOWN_CHARS_MAX = 500
DIGITS_MAX = 20_000  # of an integer, in base 16
Plain = list[Any]


@dataclass(frozen=True)
class Formula:
    """What a library's value says of itself as a formula, in the usual signs."""

    text: str


class _Room:
    """How many more items a value may have."""

    def __init__(self) -> None:
        self.items = ITEMS_MAX

    def take(self) -> None:
        self.items -= 1
        if self.items < 0:
            raise UnreadableError(f"it has more than {ITEMS_MAX} parts")


def learn(library: str, simpler: Callable[[Any, set[str]], Any], symbols: Callable[[], Symbols]) -> None:
    """Have values of a library be told as plain data, and formulas be read as the library's.

    ``simpler``: takes a value and the names of its classes; returns a simpler value, a Formula, or the value itself.
    """
    _simpler[library] = simpler
    read_with(symbols)


def is_of_formulas(value: Any) -> bool:
    """Return whether a value is of a library that computes with formulas."""
    library = type(value).__module__.partition(".")[0]
    return library in _simpler and _simpler[library] is not _simpler_array


# --- writing --------------------------------------------------------------------------------------------------------
def to_plain(value: Any) -> Plain:
    """Return the value as plain data. Raises UnreadableError, and whatever the value's class raises."""
    return _write(value, _Room(), 0)


def _write(value: Any, room: _Room, depth: int) -> Plain:
    room.take()
    if depth > DEPTH_MAX:
        raise UnreadableError(f"it is nested more than {DEPTH_MAX} levels deep")
    kind = type(value)
    if value is None:
        return ["none"]
    if kind is bool:
        return ["bool", value]
    if isinstance(value, int):
        return ["int", _hex(int(value))]
    if isinstance(value, float):
        return ["float", float(value).hex()]
    if isinstance(value, complex):
        return ["complex", value.real.hex(), value.imag.hex()]
    if isinstance(value, str):
        return ["str", _text(str.__str__(value))]
    if isinstance(value, (bytes, bytearray)):
        return ["bytes", base64.b64encode(value[:TEXT_CHARS_MAX]).decode()]
    if isinstance(value, Fraction):
        return ["fraction", _hex(value.numerator), _hex(value.denominator)]
    for name, types in (("list", list), ("tuple", tuple), ("set", (set, frozenset)), ("list", range)):
        if isinstance(value, types):
            items = list(islice(value, ITEMS_MAX + 1))
            return [name, [_write(item, room, depth + 1) for item in items]]
    if isinstance(value, Mapping):
        pairs = islice(value.items(), ITEMS_MAX + 1)
        return ["dict", [[_write(key, room, depth + 1), _write(item, room, depth + 1)] for key, item in pairs]]
    return _write_foreign(value, room, depth)


def _write_foreign(value: Any, room: _Room, depth: int) -> Plain:
    """Write what a library has for numbers, vectors, tables and formulas; of anything else, how it is shown."""
    kind = type(value)
    simpler = _simpler.get(kind.__module__.partition(".")[0])
    if simpler is not None:
        found = simpler(value, {base.__name__ for base in kind.__mro__})
        if isinstance(found, Formula):
            return ["formula", _text(found.text)]
        if found is not value:
            return _write(found, room, depth)
    elif callable(value):
        return ["shown", "function", _text(str(getattr(value, "__name__", kind.__name__)), SHOWN_CHARS_MAX)]
    return _shown(value)


def _simpler_array(value: Any, names: set[str]) -> Any:
    """Return lists for NumPy's arrays and pandas' columns, numbers for their numbers, a dict of columns for a table."""
    if "DataFrame" in names:
        return {column: value[column].tolist() for column in value.columns}
    return value.tolist() if callable(getattr(value, "tolist", None)) else value


def _simpler_sympy(value: Any, names: set[str]) -> Any:
    if "Integer" in names:
        return int(value)
    if "Rational" in names:
        return Fraction(int(value.p), int(value.q))
    if "Float" in names:
        return float(value)
    if "MatrixBase" in names or "NDimArray" in names:
        return value.tolist()
    if names & {"BooleanTrue", "BooleanFalse"}:
        return bool(value)
    if "FiniteSet" in names or "Tuple" in names:
        return list(value)
    return Formula(str(value)) if "Expr" in names else value


def _shown(value: Any) -> Plain:
    return ["shown", _text(type(value).__name__, 100), _text(repr(value), SHOWN_CHARS_MAX)]


def _hex(number: int) -> str:
    text = format(number, "x")
    if len(text) > DIGITS_MAX:
        raise UnreadableError("it is a number with too many digits")
    return text


def _text(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    if len(text) > chars_max:
        text = text[: chars_max - 1] + "…"
    return text.encode("utf-8", "replace").decode()


# --- reading --------------------------------------------------------------------------------------------------------
def from_plain(untrusted: Any) -> Any:
    """Return the value that plain data says. Raises UnreadableError."""
    try:
        return _read(untrusted, _Room(), 0)
    except (ValueError, TypeError, KeyError, IndexError, ArithmeticError, RecursionError) as error:
        raise UnreadableError("it is no value that can be read") from error


def _read(untrusted: Any, room: _Room, depth: int) -> Any:
    room.take()
    if depth > DEPTH_MAX or not isinstance(untrusted, list) or not untrusted:
        raise UnreadableError("it is no value that can be read")
    tag, *rest = untrusted
    read: Callable[..., Any] | None = _READERS.get(tag) if isinstance(tag, str) else None
    if read is None:
        raise UnreadableError("it is no value that can be read")
    return read(rest, lambda item: _read(item, room, depth + 1))


def _read_int(untrusted: str) -> int:
    if not isinstance(untrusted, str) or len(untrusted) > DIGITS_MAX:
        raise UnreadableError("it is no number that can be read")
    return int(untrusted, 16)


def _read_text(untrusted: Any) -> str:
    if not isinstance(untrusted, str):
        raise UnreadableError("it is no text")
    return untrusted


_READERS: dict[str, Callable[[list[Any], Callable[[Any], Any]], Any]] = {
    "none": lambda rest, _: None,
    "bool": lambda rest, _: rest[0] is True,
    "int": lambda rest, _: _read_int(rest[0]),
    "float": lambda rest, _: float.fromhex(rest[0]),
    "complex": lambda rest, _: complex(float.fromhex(rest[0]), float.fromhex(rest[1])),
    "str": lambda rest, _: _read_text(rest[0]),
    "bytes": lambda rest, _: base64.b64decode(rest[0]),
    "fraction": lambda rest, _: Fraction(_read_int(rest[0]), _read_int(rest[1])),
    "list": lambda rest, read: [read(item) for item in rest[0]],
    "tuple": lambda rest, read: tuple(read(item) for item in rest[0]),
    "set": lambda rest, read: {_hashable(read(item)) for item in rest[0]},
    "dict": lambda rest, read: {_hashable(read(key)): read(item) for key, item in rest[0]},
    "formula": lambda rest, _: read_formula(_read_text(rest[0])),
    "shown": lambda rest, _: Shown(_read_text(rest[0]), _read_text(rest[1])),
}


def _hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_hashable(item) for item in value)
    if isinstance(value, set):
        return frozenset(value)
    return value


_simpler: dict[str, Callable[[Any, set[str]], Any]] = {
    "numpy": _simpler_array,
    "pandas": _simpler_array,
    "sympy": _simpler_sympy,
}
