"""Which languages are installed on this machine, and the tests that need one that is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import untrusted_python

# Tests that need a language have the mark of its name, or lie in a folder of that name: tests/sage.
OPTIONAL = {"sage": "make sage"}


def environments() -> Path:
    """Return the directory in which the environments of languages lie."""
    # The environment may be a link to where root keeps it; its Python always is one to the system's.
    return Path(untrusted_python()).absolute().parents[1].resolve().parent


def language_python(name: str) -> Path:
    """Return the interpreter of a language that is installed."""
    return environments() / name / "bin" / "python"


def is_installed(name: str) -> bool:
    """Return whether the environment of a language is there and whole."""
    return (environments() / name / ".stamp").exists()


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
