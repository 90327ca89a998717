"""Tells Sage's values as plain data, for checks of exercises, and reads formulas as Sage's."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import sage.all
from sage.all import SR

from untrusted import plain_values
from untrusted.formulas import Symbols
from untrusted.plain_values import Formula


def set_up() -> None:
    """Have checks know Sage's values."""
    plain_values.learn("sage", simpler, lambda: Symbols(SR.var, SR, vars(sage.all)))


def simpler(value: Any, names: set[str]) -> Any:
    """Return a simpler value than Sage's, a Formula, or the value itself. ``names``: of its classes."""
    if names & {"Integer", "IntegerMod_abstract"}:
        return int(value)
    if "Rational" in names:
        return Fraction(int(value.numerator()), int(value.denominator()))
    if names & {"RealNumber", "RealDoubleElement", "RealIntervalFieldElement"}:
        return float(value)
    if names & {"ComplexNumber", "ComplexDoubleElement"}:
        return complex(value)
    if "Matrix" in names:
        return [list(row) for row in value.rows()]
    if names & {"FreeModuleElement", "Sequence_generic"}:
        return list(value)
    if "Expression" in names:
        text = str(value)
        if re.fullmatch(r"-?\d+", text):
            return int(text)
        return Formula(str(value.expr()) if "|-->" in text else text)
    # Elements of rings of polynomials and of number fields, and factorizations, say themselves as such formulas.
    if names & {"Polynomial", "MPolynomial", "NumberFieldElement", "Factorization", "FractionFieldElement"}:
        return Formula(str(value))
    return value
