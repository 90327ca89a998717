"""Finds the names that a text of Python makes, and what they are as far as can be told without running it.

Imports are done, for real: of what is installed, as the reader's cell will do them. Of the rest nothing runs:
functions and classes get their signatures and texts, values that are written down are taken, and for what a call
returns stands its class.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Any

STATEMENTS_MAX = 2000
LEFT_OUT_MAX = 20  # lines before the cursor that may be half-written
FILE = "<names>"  # of definitions that are made anew here
_CLASS_NAME = re.compile(r"[A-Za-z_][\w.]*")
_TUPLE = re.compile(r"^(?:typing\.)?[Tt]uple\[(.*)\]$", re.DOTALL)
# What these return, their authors have not written down, or not in a way that helps. Languages add their own.
RETURNS = {
    "open": ("io", "TextIOWrapper"),
    "array": ("numpy", "ndarray"),
}


class Unknown:
    """A value of which nothing is known."""


UNKNOWN = Unknown()


def names_in(before: str, indent: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a text makes, by name; what cannot be read is left out.

    ``indent``: of the line that follows it. ``known``: what is there before the text.
    """
    names = dict(known)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            for statement in _statements(_tree(before, indent)):
                _take(statement, names)
    except (RecursionError, MemoryError):
        pass  # nested as nobody writes
    # Of a name that means something already, nothing is less than that.
    return {
        name: value
        for name, value in names.items()
        if known.get(name, names) is not value and not (value is UNKNOWN and name in known)
    }


def _tree(before: str, indent: str) -> ast.Module:
    lines = before.split("\n")
    for last in range(len(lines), max(0, len(lines) - LEFT_OUT_MAX), -1):
        # A block that has just begun wants a line.
        for text in ("\n".join([*lines[:last], f"{indent}pass"]), "\n".join(lines[:last])):
            with suppress(SyntaxError, ValueError):
                return ast.parse(text)
    return ast.Module([], [])


def _statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """Yield all statements in the order of the text, those in blocks too."""
    left = STATEMENTS_MAX
    waiting: list[ast.stmt] = list(reversed(getattr(tree, "body", [])))
    while waiting and left:
        left -= 1
        statement = waiting.pop()
        yield statement
        if isinstance(statement, ast.ClassDef):
            continue
        blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
        blocks += [handler.body for handler in getattr(statement, "handlers", [])]
        waiting += reversed([inner for block in blocks for inner in block])


def _take(statement: ast.stmt, names: dict[str, Any]) -> None:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        with suppress(Exception, SystemExit):
            exec(compile(ast.Module([statement], []), FILE, "exec"), names)
        for alias in statement.names:
            if alias.name != "*":
                names.setdefault(alias.asname or alias.name.partition(".")[0], UNKNOWN)
    elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        _define(statement, names)
    elif isinstance(statement, ast.Assign):
        value = value_of(statement.value, names)
        for target in statement.targets:
            _assign(target, value, names)
    elif isinstance(statement, ast.AnnAssign):
        value = value_of(statement.value, names) if statement.value else UNKNOWN
        _assign(statement.target, value if value is not UNKNOWN else value_of(statement.annotation, names), names)
    elif isinstance(statement, ast.For | ast.AsyncFor):
        _assign(statement.target, _element(value_of(statement.iter, names)), names)
    elif isinstance(statement, ast.With | ast.AsyncWith):
        for item in statement.items:
            if item.optional_vars:
                _assign(item.optional_vars, value_of(item.context_expr, names), names)


def _assign(target: ast.expr, value: Any, names: dict[str, Any]) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = value
    elif isinstance(target, ast.Tuple | ast.List):
        parts = value if isinstance(value, tuple | list) and len(value) == len(target.elts) else None
        for at, part in enumerate(target.elts):
            _assign(part, parts[at] if parts else UNKNOWN, names)
    elif isinstance(target, ast.Starred):
        _assign(target.value, [], names)


def _element(value: Any) -> Any:
    if isinstance(value, range) or value is range:
        return 0
    if isinstance(value, list | tuple | dict | str) and value:
        return next(iter(value))
    return UNKNOWN


# --- functions and classes ------------------------------------------------------------------------------------------
def _define(statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, names: dict[str, Any]) -> None:
    bare = _bare(statement)
    try:
        exec(compile(ast.fix_missing_locations(ast.Module([bare], [])), FILE, "exec"), scope := dict(names))
        names[statement.name] = scope[statement.name]
    except Exception:  # noqa: BLE001 - the bases of a class may be of any kind
        names[statement.name] = UNKNOWN
    if not isinstance(statement, ast.ClassDef):
        arguments = statement.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            names.setdefault(argument.arg, UNKNOWN)


def _bare(statement: Any) -> Any:
    """Return a definition of which nothing runs: its signature and its text."""
    text = ast.get_docstring(statement, clean=False)
    body: list[ast.stmt] = [ast.Expr(ast.Constant(text))] if text else [ast.Pass()]
    if isinstance(statement, ast.ClassDef):
        bases: list[ast.expr] = [base for base in statement.bases if isinstance(base, ast.Name | ast.Attribute)]
        methods = [one for one in statement.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
        nodes = (node for method in methods for node in ast.walk(method))
        written = {node.attr for node in nodes if isinstance(node, ast.Attribute) and _is_of_self(node)}
        written |= {node.id for one in statement.body for node in _targets(one) if isinstance(node, ast.Name)}
        body += [ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None)) for name in sorted(written)]
        return ast.ClassDef(statement.name, bases, [], body + [_bare(method) for method in methods], [])
    arguments = ast.arguments(**{name: getattr(statement.args, name) for name in ast.arguments._fields})
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if argument is not None and argument.annotation is not None:
            argument.annotation = ast.Constant(ast.unparse(argument.annotation))
    arguments.defaults = [_plain(default) for default in arguments.defaults]
    arguments.kw_defaults = [default and _plain(default) for default in arguments.kw_defaults]
    returns = statement.returns and ast.Constant(ast.unparse(statement.returns))
    return type(statement)(statement.name, arguments, body, [], returns)


def _plain(default: ast.expr) -> ast.expr:
    """Return what is written down as it is, and for what would have to run an ellipsis."""
    with suppress(ValueError):
        ast.literal_eval(default)
        return default
    return ast.Constant(...)


def _is_of_self(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self"


def _targets(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    return [statement.target] if isinstance(statement, ast.AnnAssign) else []


# --- values ---------------------------------------------------------------------------------------------------------
def value_of(node: ast.expr, names: dict[str, Any]) -> Any:
    """Return what an expression is, a class where it is one of its instances, else UNKNOWN."""
    with suppress(ValueError, TypeError, SyntaxError):
        return ast.literal_eval(node)
    if isinstance(node, ast.Name):
        builtins: Any = sys.modules["builtins"]
        return names.get(node.id, getattr(builtins, node.id, UNKNOWN))
    if isinstance(node, ast.Attribute):
        owner = value_of(node.value, names)
        # Of others, asking for an attribute may run code.
        if isinstance(owner, types.ModuleType | type):
            with suppress(Exception):
                return getattr(owner, node.attr)
        return getattr(type(owner), node.attr, UNKNOWN)
    if isinstance(node, ast.Call):
        return _returned(value_of(node.func, names))
    if isinstance(node, ast.BinOp):
        left = value_of(node.left, names)
        return left if left is not UNKNOWN else value_of(node.right, names)
    for kinds, kind in WRITTEN.items():
        if isinstance(node, kinds):
            return kind
    return UNKNOWN


WRITTEN: dict[Any, Any] = {
    (ast.List, ast.ListComp): [], (ast.Dict, ast.DictComp): {}, (ast.Set, ast.SetComp): set, ast.JoinedStr: "",
    ast.Compare: True, ast.Tuple: (),
}  # fmt: skip


def _returned(function: Any) -> Any:
    if isinstance(function, type):
        return function
    name = getattr(function, "__name__", type(function).__name__.removesuffix("Factory"))
    if name in RETURNS and RETURNS[name][0] in sys.modules:
        return _known(*RETURNS[name])
    returned = getattr(function, "__annotations__", {}).get("return")
    if isinstance(returned, type):
        return returned
    if name == "subplots":  # for which of them, the arguments say
        return (_known("matplotlib.figure", "Figure"), _known("matplotlib.axes", "Axes"))
    if not isinstance(returned, str):
        is_numpys = str(getattr(function, "__module__", "")).startswith("numpy")
        return _known("numpy", "ndarray") if is_numpys else UNKNOWN
    if parts := _TUPLE.match(returned):
        return tuple(_class_of(part, function) for part in parts[1].split(","))
    return _class_of(returned, function)


def _known(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, UNKNOWN)


def _class_of(text: str, function: Any) -> Any:
    """Return the first class that an annotation names."""
    where = getattr(function, "__globals__", {})
    for word in _CLASS_NAME.findall(text):
        found = where.get(word, getattr(sys.modules["builtins"], word, None))
        if word == "Self" and "." in function.__qualname__:
            found = where.get(function.__qualname__.partition(".")[0])
        found = found or _imported_for_checks_alone(word, function)
        if isinstance(found, type):
            return found
    return UNKNOWN


def _imported_for_checks_alone(word: str, function: Any) -> Any:
    package = f"{str(getattr(function, '__module__', '')).partition('.')[0]}."
    modules = (module for name, module in list(sys.modules.items()) if name.startswith(package))
    return next((found for module in modules if isinstance(found := vars(module).get(word), type)), None)
