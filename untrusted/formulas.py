"""Reads formulas from texts that may be hostile: they are put together from known parts, never evaluated."""

from __future__ import annotations

import ast
import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

FORMULA_CHARS_MAX = 4000
POWER_MAX = 1000  # as a number in a formula; x^n with a symbol n may be anything
# Functions that a formula may call, under the names that libraries have for them.
FUNCTIONS = frozenset({
    "sin", "cos", "tan", "sec", "csc", "cot", "asin", "acos", "atan", "arcsin", "arccos", "arctan",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "exp", "log", "ln", "sqrt", "abs", "Abs", "erf",
})  # fmt: skip
CONSTANTS = frozenset({"pi", "e", "E", "I"})


class UnreadableError(ValueError):
    """Something that is no plain value, or too large for one."""


@dataclass(frozen=True)
class Shown:
    """A value that has no plain form: the name of its type, and how it is shown."""

    type: str
    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Symbols:
    """What formulas are put together from: makers of symbols and numbers; functions and constants by name."""

    symbol: Callable[[str], Any]
    number: Callable[[int], Any]
    functions: Mapping[str, Any]


def read_with(symbols: Callable[[], Symbols]) -> None:
    """Read formulas as those of another library from now on."""
    _reading.append(symbols)


def read_formula(untrusted_text: str) -> Any:
    """Return the formula that a text says; a Shown for a text that says none, or where no library has formulas.

    The text is never evaluated: sums, products, powers, numbers, symbols and calls of known functions are put together.
    """
    shown = Shown("formula", untrusted_text)
    if len(untrusted_text) > FORMULA_CHARS_MAX:
        return shown
    try:
        tree = ast.parse(untrusted_text.replace("^", "**"), mode="eval")
        return _build(tree.body, _reading[-1]())
    except (SyntaxError, ValueError, TypeError, ImportError, KeyError, AttributeError, ArithmeticError):
        return shown
    except (RecursionError, MemoryError):  # it is nested too deep
        return shown


def _symbols_of_sympy() -> Symbols:
    sympy = importlib.import_module("sympy")
    return Symbols(sympy.Symbol, sympy.Integer, vars(sympy))


_reading = [_symbols_of_sympy]  # the last one counts


def _build(node: ast.expr, symbols: Symbols) -> Any:
    match node:
        case ast.Constant(value=bool()):
            raise UnreadableError("no part of a formula")
        case ast.Constant(value=int() as number):
            return symbols.number(number)
        case ast.Constant(value=float() as number) if math.isfinite(number):
            return number
        case ast.Name(id=name):
            constant = symbols.functions.get(name) if name in CONSTANTS else None
            return symbols.symbol(name) if constant is None else constant
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_build(operand, symbols)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _build(operand, symbols)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_build(left, symbols), _build(right, symbols))
        case ast.BinOp(left=left, op=operator, right=right):
            return _apply(operator, _build(left, symbols), _build(right, symbols))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return symbols.functions[name](*(_build(argument, symbols) for argument in arguments))
    raise UnreadableError("no part of a formula")


def _power(base: Any, exponent: Any) -> Any:
    try:
        size = abs(float(exponent))
    except (TypeError, ValueError):
        size = 0.0  # a symbol, which stays a power
    if size > POWER_MAX:
        raise UnreadableError(f"a power above {POWER_MAX}")
    return base**exponent


def _apply(operator: ast.operator, left: Any, right: Any) -> Any:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / right
    raise UnreadableError("no part of a formula")
