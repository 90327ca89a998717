"""Find the browser that pages are tried in, and name the options that it is started with."""

from __future__ import annotations

import shutil

# Debian's packages. The first has the same engine and no windows: a window costs more than the page in it.
PROGRAMS = ("chromium-headless-shell", "chromium")

OPTIONS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find() -> str | None:
    """Return the browser's program; None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)
