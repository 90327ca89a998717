"""Leave out the tests that need a language that is not installed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from harness.languages import PROGRAMS, is_installed

# Tests that need a language have the mark of its name, or lie in a folder of that name: tests/sage.
OPTIONAL = {name: f"make {name}" for name in ("sage", "r", *PROGRAMS)}


@dataclass(frozen=True)
class LeftOut:
    """The tests that one missing language leaves out."""

    language: str
    tests: list[pytest.Item]

    @property
    def line(self) -> str:
        """What the summary says of them."""
        files = dict.fromkeys(item.nodeid.split("::")[0] for item in self.tests)
        return (
            f"left out {len(self.tests)} tests, which need {self.language}: {', '.join(files)}; "
            f"to bring them: {OPTIONAL[self.language]}"
        )


def leave_out(items: list[pytest.Item]) -> list[LeftOut]:
    """Mark the tests in the folders of languages; take those that cannot run here out of the list, and return them."""
    missing = {name: [] for name in OPTIONAL if not is_installed(name)}
    for item in list(items):
        for name in OPTIONAL:
            if item.nodeid.startswith(f"tests/{name}/"):
                item.add_marker(name)
            if name in missing and item.get_closest_marker(name) and item in items:
                items.remove(item)
                missing[name].append(item)
    return [LeftOut(name, tests) for name, tests in missing.items() if tests]
