"""Publishes the checks of exercises: one from a file, or all that stand in a page, which then has their ids instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

PAGES = (".html", ".htm", ".xhtml")
_NO_ID = re.compile(r"""data-check(?:\s*=\s*(?:""|''))?(?=[\s/>])""", re.IGNORECASE)


class _Checks(HTMLParser):
    """The checks that stand in a page: of each the language, and where its tag begins, its text begins and ends."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[tuple[str, int, int, int]] = []
        self._language, self._open = "python", (-1, -1)
        self._lines = [0]
        for line in page.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a check begins."""
        named = dict(attrs)
        if tag == "single-cell":
            self._language = named.get("language") or "python"
        elif tag == "script" and "data-check" in named and not named["data-check"]:
            self._open = self._place(), self._place() + len(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        """Note where it ends."""
        if tag == "script" and self._open[0] >= 0:
            self.found.append((self._language, *self._open, self._place()))
            self._open = -1, -1

    def _place(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


def publish_page(publish: Callable[[str, str], str], page: str) -> tuple[str, int]:
    """Publish the checks of a page; return the page with their ids in place of their texts, and how many there were.

    ``publish``: takes a check and its language, returns its id. Raises what that raises.
    """
    checks = [check for check in _Checks(page).found if page[check[2] : check[3]].strip()]
    for language, tag, begin, end in reversed(checks):
        id = publish(_dedented(page[begin:end]), language)
        page = page[:tag] + _NO_ID.sub(f'data-check="{id}"', page[tag:begin], count=1) + page[end:]
    return page, len(checks)


def _dedented(source: str) -> str:
    """Return code without blank lines around it and without the indentation that all of its lines share."""
    lines = source.replace("\r\n", "\n").split("\n")
    while not lines[0].strip():
        del lines[0]
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[margin:] for line in lines).rstrip() + "\n"
