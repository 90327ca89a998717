"""Finds brackets and strings that do not close: Sage's preparser says neither line nor column of them."""

from __future__ import annotations

import re

CLOSING = {")": "(", "]": "[", "}": "{"}
# What ends at once: comments, and strings that are whole. A quote that is left over opens one that is not.
_TOKEN = re.compile(
    r"""(?P<whole>\#[^\n]*|(?P<long>'{3}|"{3})(?:\\.|(?!(?P=long))[^\\])*(?P=long)"""
    r"""|(?P<short>['"])(?!(?P=short){2})(?:\\.|(?!(?P=short))[^\\\n])*(?P=short))"""
    r"""|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<quote>['"])|(?P<line>(?<![^\n])[ \t]*[%!][^\n]*)""",
    re.DOTALL,
)


def check(code: str, name: str) -> None:
    """Raise SyntaxError, with the reader's line and column, for a bracket or a string that does not close."""
    if code.lstrip().startswith(("%%", "!")) or code.rstrip().endswith("?"):
        return
    waiting: list[tuple[str, int]] = []
    place = 0
    while token := _TOKEN.search(code, place):
        place = token.end()
        if token["line"] and waiting:
            # Inside brackets it is no magic: a remainder whose line begins with its sign.
            place = token.start() + len(token["line"]) - len(token["line"].lstrip(" \t")) + 1
        if token["quote"]:
            raise _error(code, token.start(), "this string does not end", name)
        if token["open"]:
            waiting.append((token["open"], token.start()))
        elif token["close"]:
            if not waiting:
                raise _error(code, token.start(), f"nothing is open that {token['close']!r} could close", name)
            opened, at = waiting.pop()
            if opened != CLOSING[token["close"]]:
                line = code.count("\n", 0, at) + 1
                message = f"{token['close']!r} does not close {opened!r} on line {line}"
                raise _error(code, token.start(), message, name)
    if waiting:
        opened, at = waiting[-1]
        raise _error(code, at, f"{opened!r} was never closed", name)


def _error(code: str, at: int, message: str, name: str) -> SyntaxError:
    line = code.count("\n", 0, at)
    column = at - (code.rfind("\n", 0, at) + 1)
    return SyntaxError(message, (name, line + 1, column + 1, code.split("\n")[line], line + 1, column + 2))
