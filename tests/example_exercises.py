"""Reads the exercises of the page /exercises: of each its language, setup, first code, solution and check."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from tests.client import Client

_CELL = re.compile(r"<single-cell\s([^>]*)>(.*?)</single-cell>", re.DOTALL)
_PRE = re.compile(r"<pre(?P<setup> data-setup)?>(.*?)</pre>", re.DOTALL)
_SOLUTION = re.compile(r"<template data-solution><pre>(.*?)</pre></template>", re.DOTALL)


@dataclass(frozen=True)
class Exercise:
    """An exercise as its page has it."""

    name: str
    language: str
    check: str
    setup: str
    code: str
    solution: str

    def verdict(self, client: Client, answer: str) -> dict:
        """Return the verdict on an answer; a blank in it is filled with zero."""
        filled = re.sub("_{6,}", "0", answer)
        return client.judge(f"{self.setup}\n{filled}" if self.setup else filled, self.check, self.language)


def read_exercises(client: Client, language: str) -> list[Exercise]:
    """Return the exercises in a language."""
    found = []
    for attributes, inside in _CELL.findall(client.http.get(f"{client.url}/exercises", timeout=60).text):
        named = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        solution = _SOLUTION.search(inside)
        assert solution, named
        codes = _PRE.findall(_SOLUTION.sub("", inside))
        setup = "\n".join(unescape(code) for is_setup, code in codes if is_setup)
        (code,) = (unescape(code) for is_setup, code in codes if not is_setup)
        texts = setup, code, unescape(solution[1])
        found.append(Exercise(named["id"], named["language"], named["data-check"], *texts))
    return [exercise for exercise in found if exercise.language == language]
