"""Lists the packages that a language's cells can import, as authors ask for them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable

from wire import PACKAGE_CHARS_MAX, PACKAGE_NAME, PACKAGES_MAX

# Written beside the packages by who builds an environment: the names of those to be shown, without what they need.
SHOWN = "singlecell_packages.txt"
_DESCRIBED = ".dist-info"


def installed(path: Iterable[str] = sys.path) -> dict[str, str]:
    """Return the versions of the packages on a path, by their names; all of them where nobody says which to show."""
    found: dict[str, str] = {}
    for directory in path:
        # Names of folders: reading what they hold takes a hundred times as long, and loads the parser of e-mail.
        try:
            described = [name.removesuffix(_DESCRIBED) for name in os.listdir(directory) if name.endswith(_DESCRIBED)]
        except OSError:
            continue
        there = {normal(name): version for name, _, version in (text.partition("-") for text in described)}
        shown = _shown(directory, there)
        # Who comes first on the path is imported.
        found = {name: there[name] for name in shown if name in there} | found
    fit = [(name, version) for name, version in sorted(found.items()) if _is_fit(name, version)]
    return dict(fit[:PACKAGES_MAX])


def _is_fit(name: str, version: str) -> bool:
    """Return whether a device takes it; an installation that broke off leaves names like ``~umpy``."""
    short = max(len(name), len(version)) <= PACKAGE_CHARS_MAX
    return short and PACKAGE_NAME.fullmatch(name) is not None and version.isprintable()


def _shown(directory: str, there: Iterable[str]) -> Iterable[str]:
    try:
        with open(os.path.join(directory, SHOWN), encoding="utf-8") as names:
            return [normal(name) for name in names.read().split()]
    except OSError:
        return there


def normal(name: str) -> str:
    """Return the name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
