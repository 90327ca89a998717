"""Read the text of a PDF that chromium has printed."""

from __future__ import annotations

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\b(.*?)\bendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"/(\w+) [\d.]+ Tf|<([0-9A-Fa-f]+)>|\bET\b")
_BFCHAR = re.compile(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>\s*$", re.MULTILINE)
_BFRANGE = re.compile(rb"<([0-9A-Fa-f]{4})> <([0-9A-Fa-f]{4})> <([0-9A-Fa-f]+)>")


class _Objects:
    """The objects of a PDF, by number."""

    def __init__(self, pdf: bytes) -> None:
        self._found = {int(number): body for number, body in _OBJECT.findall(pdf)}

    def pages(self) -> list[tuple[bytes, dict[str, dict[int, str]]]]:
        """Return what pages, and frames on them, draw, with the characters of their fonts by name."""
        found = []
        for body in self._found.values():
            if b"/Resources" not in body:
                continue
            contents = self._named(rb"/Contents (\d+) 0 R", body) or [body]
            found.append((self._stream(contents[0]), self._fonts(body)))
        return found

    def _named(self, pattern: bytes, body: bytes) -> list[bytes]:
        return [self._found[int(number)] for number in re.findall(pattern, body)]

    def _stream(self, body: bytes) -> bytes:
        found = _STREAM.search(body)
        if found is None:
            return b""
        return zlib.decompress(found[1]) if b"/FlateDecode" in body[: found.start()] else found[1]

    def _fonts(self, body: bytes) -> dict[str, dict[int, str]]:
        resources = b"".join([body.split(b"stream", 1)[0], *self._named(rb"/Resources (\d+) 0 R", body)])
        fonts: dict[str, dict[int, str]] = {}
        for listed in re.findall(rb"/Font\s*<<(.*?)>>", resources, re.DOTALL):
            for name, number in re.findall(rb"/(\w+) (\d+) 0 R", listed):
                maps = self._named(rb"/ToUnicode (\d+) 0 R", self._found[int(number)])
                fonts[name.decode()] = _characters(self._stream(maps[0])) if maps else {}
        return fonts


def text_of(pdf: bytes) -> str:
    """Return the text, a line for each piece."""
    return "\n".join(_text(drawn, fonts) for drawn, fonts in _Objects(pdf).pages())


def _text(drawn: bytes, fonts: dict[str, dict[int, str]]) -> str:
    text, characters = "", dict[int, str]()
    for font, glyphs in _SHOWN.findall(drawn):
        if font:
            characters = fonts.get(font.decode(), {})
        elif glyphs:
            numbers = [int(glyphs[at : at + 4], 16) for at in range(0, len(glyphs), 4)]
            text += "".join(characters.get(number, "") for number in numbers)
        else:
            text += "\n"
    return text


def _characters(table: bytes) -> dict[int, str]:
    """Return the characters of a font by the numbers of their glyphs."""
    found: dict[int, str] = {}
    for glyph, text in _BFCHAR.findall(table):
        found[int(glyph, 16)] = bytes.fromhex(text.decode()).decode("utf-16-be")
    for first, last, text in _BFRANGE.findall(table):
        for number in range(int(first, 16), int(last, 16) + 1):
            found[number] = chr(int(text, 16) + number - int(first, 16))
    return found
