"""Reads pasted Python as it was meant, where pages and word processors have put other signs in place of a keyboard's.

A sign is read where it can have been meant in one way only; in strings and comments it stays. At any other Python
itself raises a SyntaxError, which names it and its place.
"""

from __future__ import annotations

import re

SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
NOTHING = "\u00ad\u200b-\u200f\u2060\ufeff"  # marks that no reader sees; those that turn text around are left to Python
LINE_ENDS = "\u2028\u2029"
MINUS = "\u2010\u2011\u2013\u2212\ufe63\uff0d"  # not the long dash, which stands for two of them as well
DOUBLE = "\u201c\u201d\u201e\u201f"
SINGLE = "\u2018\u2019\u201a\u201b"
_AT_THE_BEGINNING = re.compile(rf"[{NOTHING}]+")
_SIGN = re.compile(rf"[{SPACES}{NOTHING}{LINE_ENDS}{MINUS}{DOUBLE}{SINGLE}]")
_PIECE = re.compile(
    rf"""(?P<kept>
      \#[^\n{LINE_ENDS}]*                                          # a comment
    | (?P<long>'{{3}}|"{{3}})(?:\\.|(?!(?P=long))[^\\])*(?P=long)
    | (?P<short>['"])(?:\\.|(?!(?P=short))[^\\\n])*(?P=short)
    | (?<![^\n])[ \t]*[%!][^\n]*                                   # a magic, or a command
    )
    | [{DOUBLE}]{{3}}(?P<text>[^"\\{DOUBLE}]*)[{DOUBLE}]{{3}}
    # A quotation: what follows its end goes on with no word and no other quotation.
    | (?<![{DOUBLE}])[{DOUBLE}](?P<double>[^"\\\n{DOUBLE}]*)[\u201c\u201d](?![\w"{DOUBLE}])
    | (?<![{SINGLE}])[{SINGLE}](?P<single>[^'\\\n{SINGLE}]*)[\u2018\u2019](?![\w'{SINGLE}])
    | (?P<space>[{SPACES}])
    | (?P<nothing>[{NOTHING}])
    | (?P<line_end>[{LINE_ENDS}])
    | (?P<minus>[{MINUS}])
    | (?P<alone>[{DOUBLE}{SINGLE}])""",
    re.DOTALL | re.VERBOSE,
)
_OTHERS = {"space": " ", "nothing": "", "line_end": "\n", "minus": "-"}
_QUOTES = {"text": '"""', "double": '"', "single": "'"}


def as_meant(code: str) -> str:
    """Return the code of a cell with the signs of a keyboard."""
    if code.isascii() or not _SIGN.search(code):
        return code
    code = _AT_THE_BEGINNING.sub("", code, count=1) if _AT_THE_BEGINNING.match(code) else code
    # What a magic of the whole cell reads, and what a command reads, may be no Python.
    if code.lstrip().startswith(("%%", "!")):
        return code
    # Where one quotation is not clear the others may not be what they seem, and the line is shown as it was written.
    quotes = {} if any(piece["alone"] for piece in _PIECE.finditer(code)) else _QUOTES

    def meant(piece: re.Match[str]) -> str:
        kind = piece.lastgroup or "kept"
        quote = quotes.get(kind)
        return f"{quote}{piece[kind]}{quote}" if quote else _OTHERS.get(kind, piece[0])

    return _PIECE.sub(meant, code)
