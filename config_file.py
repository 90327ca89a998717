"""Reads a file of settings as data: plain assignments of literals, with their lines. Nothing in the file is run."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

# Python 3.11 counts the depth of all threads that parse in one place, and fails with SystemError when they meet there.
_parsing = threading.Lock()


class Fault(NamedTuple):
    """What is wrong, as a sentence, and the lines that it is about; none where it is about the whole file."""

    sentence: str
    lines: tuple[int, ...] = ()

    def text(self, path: Path) -> str:
        """Return file, lines and sentence, as one line."""
        if not self.lines:
            return f"{path} {self.sentence}"
        where = "line" if len(self.lines) == 1 else "lines"
        return f"{path}, {where} {' and '.join(map(str, self.lines))}: {self.sentence}"


class ConfigFile:
    """The assignments of one file: ``values`` by name, and ``faults``, what in it cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[str, Any] = {}
        self.faults: list[Fault] = []
        self._assignments: dict[str, ast.Assign] = {}
        for statement in self._statements():
            self._take(statement)

    def line_of(self, name: str, *keys: Any) -> int:
        """Return the line of a setting or, by its keys, of what its table has; 0 for what is not in the file."""
        if name not in self._assignments:
            return 0
        line, value = self._assignments[name].lineno, self._assignments[name].value
        for key in keys:
            found = next((pair for pair in _pairs(value) if pair[0] == key), None)
            if found is None:
                return 0
            _, line, value = found
        return line

    def _statements(self) -> list[ast.stmt]:
        try:
            text = self.path.read_text(encoding="utf-8")
            with _parsing:
                return ast.parse(text).body
        except OSError as error:
            self.faults.append(Fault(f"cannot be read: {error.strerror}"))
        except SyntaxError as error:
            # Nothing else in the file can be told from it.
            lines = (error.lineno,) if error.lineno else ()
            sentence = f"this is no list of assignments: {error.msg}; what follows is looked at when this is mended"
            self.faults.append(Fault(sentence, lines))
        except (ValueError, RecursionError) as error:
            self.faults.append(Fault(f"is not a list of assignments: {error}"))
        return []

    def _take(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) if name in self._assignments:
                first = self._assignments[name].lineno
                self.faults.append(Fault(f"{name} has a value already, in line {first}", (statement.lineno,)))
            case ast.Assign(targets=[ast.Name(id=name)], value=expression):
                self._assignments[name] = statement
                try:
                    self.values[name] = ast.literal_eval(expression)
                except (ValueError, TypeError, RecursionError):
                    self.faults.append(Fault(f"{name} must be a plain value", (statement.lineno,)))
            case _:
                self.faults.append(Fault("only `name = value` may stand here", (statement.lineno,)))


def _pairs(node: ast.expr) -> Iterator[tuple[Any, int, ast.expr]]:
    """Yield key, line and value of each entry of a table, as far as its keys are plain values."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant):
                yield key.value, key.lineno, value
