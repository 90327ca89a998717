"""Find the environments of languages that deploy/language.sh built for an older checkout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from host.layout import CHECKOUT
from settings import Settings

STAMP = ".stamp"  # what was built: the Python's version, and the lock file's SHA-256


def find_old(settings: Settings, environments: Path, requirements: Path = CHECKOUT / "requirements") -> Iterator[str]:
    """Yield a sentence for each language whose environment is whole and not what today's lock file says."""
    for entry in settings.languages.values():
        if entry["through"]:
            continue  # said of the other
        environment, lock = environments / entry["environment"], requirements / f"{entry['environment']}.txt"
        if (environment / STAMP).exists() and lock.exists():
            digest = hashlib.sha256(lock.read_bytes()).hexdigest()
            if digest not in (environment / STAMP).read_text():
                yield f"{environment} is not what {lock.name} says today; {entry['install']} brings it up to date"
