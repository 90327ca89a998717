"""Runs an author's check in a session of its own, and judges an answer that lives in another one.

The check asks for values by expressions, which go out as input requests; the trusted side hands them to the answer's
session and the replies back. They are plain data (``plain_values``): no code of the answer runs here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

from IPython import get_ipython
from IPython.display import display

from untrusted.kernel.json_clean import valid_text
from untrusted.kernel.sameness import TOLERANCE, same
from untrusted.plain_values import UnreadableError, from_plain, is_of_formulas, to_plain

VERDICT_TYPE = "application/vnd.single-cell.check+json"
TESTS_MAX = 100
EXPRESSION_CHARS_MAX = 4000
AT_ONCE_CHARS = 24 << 10  # of expressions in one request
MESSAGE_CHARS_MAX, NAME_CHARS_MAX, VALUE_CHARS_MAX = 2000, 200, 500
KINDS = ("success", "info", "warning", "error")


class AnswerError(Exception):
    """An expression that raised in the answer's session; ``name`` is that of its exception."""

    def __init__(self, expression: str, name: str, message: str) -> None:
        super().__init__(f"{expression} raised {name}: {message}" if message else f"{expression} raised {name}")
        self.name, self.message = name, message


class _OverError(BaseException):
    """The check has come to its verdict."""


@dataclass
class _Test:
    """A test that is to be made: what the answer says to an expression, beside what it should be."""

    expression: str
    expected: Any
    points: float
    name: str
    shown: bool
    message: str
    tolerance: float
    raises: str | None = None


class Examiner:
    """One examination: the names that a check may use, and the verdict that comes of it."""

    def __init__(self, code: str, output: str, ask: Callable[[str], str]) -> None:
        self.code, self.output, self._ask = code, output, ask
        self._waiting: list[_Test] = []
        self._made: list[dict[str, Any]] = []
        self._fails = False
        self._message, self._kind = "", ""
        self._points: tuple[float, float] | None = None

    def names(self) -> dict[str, Any]:
        """Return what a check finds in its namespace."""
        return {
            "answer": self.answer, "printed": self.printed, "test": self.test, "raises": self.raises,
            "correct": self.correct, "wrong": self.wrong, "points": self.points, "same": same,
            "code": self.code, "output": self.output, "AnswerError": AnswerError,
        }  # fmt: skip

    # --- what a check may call --------------------------------------------------------------------------------------
    def answer(self, expression: str) -> Any:
        """Return the value that an expression has in the answer's session, as plain data. Raises AnswerError."""
        self._make_tests()
        return _value(expression, self._probe([expression])[0])

    def printed(self, expression: str) -> str:
        """Return what an expression prints there. Raises AnswerError."""
        self._make_tests()
        found = self._probe([expression])[0]
        if "failed" in found:
            _value(expression, found)
        return str(found.get("printed", ""))

    def test(
        self, expression: str, expected: Any, points: float = 1, name: str = "", shown: bool = True, message: str = "",
        tolerance: float = TOLERANCE,
    ) -> None:  # fmt: skip
        """Have the expression be compared with what is expected, a value or a function that says whether it is right.

        ``shown``: whether the reader sees the expression and both values, or only whether it passed.
        """
        self._add(_Test(expression, expected, float(points), name, shown, message, float(tolerance)))

    def raises(
        self, expression: str, error: str, points: float = 1, name: str = "", shown: bool = True, message: str = ""
    ) -> None:
        """Have it be tested that the expression raises an exception of this name."""
        named = error if isinstance(error, str) else error.__name__
        self._add(_Test(expression, None, float(points), name, shown, message, TOLERANCE, named))

    def correct(self, message: str = "", type: str = "success") -> NoReturn:
        """End the check: the answer is right, unless a test has failed."""
        self._end(False, message, type)

    def wrong(self, message: str = "", type: str = "warning") -> NoReturn:
        """End the check: the answer is not right."""
        self._end(True, message, type)

    def points(self, earned: float, most: float = 1) -> None:
        """Give points beside those of the tests."""
        before = self._points or (0.0, 0.0)
        self._points = before[0] + float(earned), before[1] + float(most)

    # --- how it goes on ---------------------------------------------------------------------------------------------
    def run(self, check: Callable[[], None]) -> dict[str, Any]:
        """Return the verdict that a check comes to, whatever it raises."""
        try:
            try:
                check()
            except AssertionError as error:
                self._fails, self._message = True, str(error)
            except AnswerError as error:
                self._fails, self._message, self._kind = True, str(error), "error"
            self._make_tests()
        except _OverError:
            pass
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever an author's code raises is no verdict
            return {**_nothing("error"), "fault": f"{type(error).__name__}: {error}"[:MESSAGE_CHARS_MAX]}
        return self._verdict()

    def _end(self, fails: bool, message: str, kind: str) -> NoReturn:
        self._make_tests()
        # Praise is for an answer that passes its tests, too.
        if fails or all(test["passed"] for test in self._made):
            self._fails, self._message, self._kind = fails, str(message), kind if kind in KINDS else ""
        raise _OverError

    def _add(self, test: _Test) -> None:
        if len(self._made) + len(self._waiting) >= TESTS_MAX:
            raise ValueError(f"a check may make at most {TESTS_MAX} tests")
        self._waiting.append(test)

    def _make_tests(self) -> None:
        """Make the tests that wait, all in one request."""
        waiting, self._waiting = self._waiting, []
        for test, found in zip(waiting, self._probe([test.expression for test in waiting]), strict=True):
            self._made.append(_outcome(test, found))

    def _probe(self, expressions: list[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while expressions:
            some, chars = 0, 0
            while some < len(expressions) and (not some or chars + len(expressions[some]) < AT_ONCE_CHARS):
                if len(expressions[some]) > EXPRESSION_CHARS_MAX:
                    raise ValueError(f"an expression may have at most {EXPRESSION_CHARS_MAX} characters")
                chars += len(expressions[some])
                some += 1
            found += self._reply(expressions[:some])
            expressions = expressions[some:]
        return found

    def _reply(self, expressions: list[str]) -> list[dict[str, Any]]:
        """Return what the answer's session says to the expressions; what cannot be read is a failure of the answer."""
        untrusted = json.loads(self._ask(json.dumps(expressions, ensure_ascii=False)))
        values = untrusted.get("values") if isinstance(untrusted, dict) else None
        if not isinstance(values, list) or len(values) != len(expressions):
            return [{"failed": "KernelDied", "message": "There was no answer."}] * len(expressions)
        return [value if isinstance(value, dict) else {"failed": "ValueError", "message": ""} for value in values]

    def _verdict(self) -> dict[str, Any]:
        passes = not self._fails and all(test["passed"] for test in self._made)
        earned, most = self._points or (0.0, 0.0)
        earned += sum(test["points"] for test in self._made)
        most += sum(test["points_max"] for test in self._made)
        if not self._made and self._points is None:
            earned, most = float(passes), 1.0
        return {
            "correct": passes,
            "message": _cut(self._message, MESSAGE_CHARS_MAX),
            "type": self._kind or ("success" if passes else "warning"),
            "points": earned,
            "points_max": most,
            "tests": self._made,
        }


def examine(request: str) -> None:
    """Run a check, and show its verdict as a display of VERDICT_TYPE. ``request``: JSON of check, code and output."""
    asked = json.loads(request)
    shell = get_ipython()
    examiner = Examiner(asked["code"], asked["output"], lambda prompt: input(prompt))

    def check() -> None:
        namespace = {**shell.user_ns, **examiner.names(), "__name__": "check"}
        exec(compile(shell.transform_cell(asked["check"]), "<check>", "exec"), namespace)

    display({VERDICT_TYPE: examiner.run(check)}, raw=True)


def _outcome(test: _Test, found: dict[str, Any]) -> dict[str, Any]:
    """Return a test's line of the verdict."""
    line: dict[str, Any] = {"name": _cut(test.name or test.expression, NAME_CHARS_MAX), "shown": bool(test.shown)}
    if test.raises is not None:
        passed = found.get("failed") == test.raises
        expected, got = test.raises, str(found.get("failed", "nothing"))
    else:
        try:
            value = _value(test.expression, found)
            got, passed = _text(value), _is_right(test, value)
        except AnswerError as error:
            got, passed = f"{error.name}: {error.message}" if error.message else error.name, False
        expected = "" if _is_rule(test.expected) else _text(_plainly(test.expected))
    line |= {"passed": passed, "points": test.points if passed else 0.0, "points_max": test.points}
    if not test.shown:
        return {**line, "name": _cut(test.name, NAME_CHARS_MAX)}
    message = "" if passed else _cut(test.message, MESSAGE_CHARS_MAX)
    return {**line, "expected": expected, "got": got, "message": message}


def _is_right(test: _Test, value: Any) -> bool:
    if not _is_rule(test.expected):
        return same(value, test.expected, test.tolerance)
    try:
        return bool(test.expected(value))
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError):
        return False  # the answer is of another kind than the author thought of


def _is_rule(expected: Any) -> bool:
    return callable(expected) and not is_of_formulas(expected)


def _value(expression: str, found: dict[str, Any]) -> Any:
    if "failed" in found or "value" not in found:
        name, message = str(found.get("failed", "ValueError")), str(found.get("message", ""))
        raise AnswerError(_cut(expression, NAME_CHARS_MAX), name[:100], _cut(message, VALUE_CHARS_MAX))
    try:
        return from_plain(found["value"])
    except UnreadableError as error:
        raise AnswerError(_cut(expression, NAME_CHARS_MAX), "ValueError", str(error)) from error


def _plainly(value: Any) -> Any:
    try:
        return from_plain(to_plain(value))
    except UnreadableError:
        return value


def _text(value: Any) -> str:
    return _cut(str(value) if is_of_formulas(value) or isinstance(value, Fraction) else repr(value), VALUE_CHARS_MAX)


def _cut(text: str, chars_max: int) -> str:
    text = valid_text(str(text))
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def _nothing(kind: str) -> dict[str, Any]:
    return {"correct": False, "message": "", "type": kind, "points": 0.0, "points_max": 0.0, "tests": []}
