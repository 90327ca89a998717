"""Hold static/ against what ``make frontend`` built of frontend/ as it is; quick and without Node, for ``make check``.

With Node, tests/browser/test_built_files.py builds all of it again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FRONTEND = ROOT / "frontend"
# Other people's libraries are not in git, but what draws controls (0.94 MB): no package carries it bundled.
# Our script is there twice, once to be pinned.
STATIC_BYTES_MAX = 2_200_000
# What every page with a cell loads, and what it loads with its first control.
SCRIPT_GZIPPED_BYTES_MAX = 45 << 10
CONTROLS_GZIPPED_BYTES_MAX = 260_000
WRITTEN_BY_HAND = {"static/mark.svg", "static/page.css", "static/spinner.gif"}


def digests(folder: Path, paths: list[Path]) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "node_modules" not in path.parts]


def read_record() -> dict[str, dict[str, str]]:
    record: dict[str, dict[str, str]] = json.loads((FRONTEND / "built.json").read_text())
    return record


def differing(found: dict[str, str], recorded: dict[str, str]) -> list[str]:
    return sorted(name for name in found.keys() | recorded.keys() if found.get(name) != recorded.get(name))


def test_the_sources_are_those_of_which_static_was_built() -> None:
    sources = [path for path in files(FRONTEND) if path.name != "built.json"]
    changed = differing(digests(FRONTEND, sources), read_record()["sources"])
    assert not changed, f"{', '.join(changed)}: run `make frontend` and commit what it builds"


def test_static_holds_what_was_built_and_nothing_else() -> None:
    built = [*files(ROOT / "static"), ROOT / "requirements" / "libraries.json"]
    found = {name: digest for name, digest in digests(ROOT, built).items() if name not in WRITTEN_BY_HAND}
    changed = differing(found, read_record()["built"])
    assert not changed, f"{', '.join(changed)}: run `make frontend` and commit what it builds"


def test_static_stays_small() -> None:
    assert sum(path.stat().st_size for path in files(ROOT / "static")) <= STATIC_BYTES_MAX


def gzipped_bytes(*names: str) -> int:
    """Return how long the built files of these names are, gzipped, together."""
    found = [path for name in names for path in (ROOT / "static").glob(name)]
    assert len(found) == len(names), found
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in found)


def test_what_pages_load_stays_small() -> None:
    assert gzipped_bytes("embedded_singlecell.js") <= SCRIPT_GZIPPED_BYTES_MAX
    assert gzipped_bytes("singlecell/controls-*.js", "singlecell/widgets-*.js") <= CONTROLS_GZIPPED_BYTES_MAX
