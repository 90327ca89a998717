"""Put the libraries that draw charts beside the environments: ``python -m host.libraries``.

They are other people's built scripts. The lock file says where each comes from and what its SHA-256 is when it is ready
to be served; what turns out to be anything else is not written. ``make frontend`` writes the lock file.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from host import npm, pinned, wheels
from host.errors import SourceError
from host.layout import CHECKOUT

LOCK = CHECKOUT / "requirements" / "libraries.json"
DIRECTORY = "libraries"
GZIP_LEVEL = 9
NICENESS = 10  # a start does not wait for libraries, and they must not make it wait


@dataclass(frozen=True)
class Library:
    """One script as it is served: ``file`` is its name, ``source`` says where its bytes come from."""

    name: str
    file: str
    sha256: str
    source: dict[str, str]

    def is_in(self, directory: Path) -> bool:
        """Return whether the script and its compressed twin are there; only whole ones get these names."""
        file = directory / self.file
        if not file.exists() or not file.with_name(f"{file.name}.gz").exists():
            return False
        return self.sha256[:10] in self.file or hashlib.sha256(file.read_bytes()).hexdigest() == self.sha256


def read_lock(file: Path) -> list[Library]:
    """Return the libraries that this checkout's pages ask for."""
    entries: list[dict[str, str]] = json.loads(file.read_text())
    return [Library(entry.pop("name"), entry.pop("file"), entry.pop("sha256"), entry) for entry in entries]


def find_missing(prefix: Path, lock_file: Path = LOCK) -> list[Library]:
    """Return the libraries that are not beside the environments in this directory."""
    return [library for library in read_lock(lock_file) if not library.is_in(prefix / DIRECTORY)]


def add_missing(prefix: Path, lock_file: Path = LOCK) -> list[str]:
    """Add the libraries that are missing there; return a sentence for each that cannot be had."""
    directory, sentences = prefix / DIRECTORY, []
    try:
        directory.mkdir(exist_ok=True)
        lock = os.open(prefix / f"{DIRECTORY}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        return [f"cannot write to {directory} ({error.strerror}); charts are not drawn until {DIRECTORY} are there"]
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        for library in find_missing(prefix, lock_file):  # another process may have added some meanwhile
            try:
                _write(directory, library, read(library, prefix))
            except (SourceError, OSError) as error:
                sentences.append(f"{library.name} cannot be had: {error}")
    finally:
        os.close(lock)
    return sentences


def read(library: Library, prefix: Path) -> bytes:
    """Return the bytes to serve. Raises SourceError when they cannot be had or are not those of the lock file."""
    source = library.source
    if scope := source.get("outlines"):
        content = _outlines(scope)
    elif "wheel" in source:
        content = inlineable(wheels.read(source["wheel"], source["lock"], source["path"], prefix))
    else:
        content = inlineable(npm.read(source["npm"], source["version"], source["integrity"], source["path"]))
    if hashlib.sha256(content).hexdigest() != library.sha256:
        raise SourceError(f"what came is not what {LOCK.name} says, so it is not served")
    return content


def inlineable(script: bytes) -> bytes:
    """Return a script as it may stand within ``<script>``, where HTML has words of its own (frontend/libraries.mjs)."""
    script = re.sub(rb"\n//# sourceMappingURL=.*\s*\Z", b"\n", script)
    return re.sub(rb"</(script)", rb"<\\/\1", script, flags=re.IGNORECASE).replace(b"<!--", b"<\\!--")


def _outlines(scope: str) -> bytes:
    """Return the script with the outlines of a map (frontend/outlines.mjs)."""
    text = (CHECKOUT / "frontend" / "outlines" / f"{scope}.json").read_text(encoding="utf-8").strip()
    return f'((window.PlotlyGeoAssets ??= {{}}).topojson ??= {{}})["{scope}_110m"] = {text};\n'.encode()


def _write(directory: Path, library: Library, content: bytes) -> None:
    packed = gzip.compress(content, GZIP_LEVEL, mtime=0)
    for name, data in ((f"{library.file}.gz", packed), (library.file, content)):
        half = directory / f".{name}.new"
        half.write_bytes(data)
        half.chmod(0o644)
        half.rename(directory / name)


def main() -> int:
    """Add what is missing beside this Python's own environment; return 0 when all libraries are there."""
    os.umask(0o022)
    os.nice(NICENESS)
    prefix = Path(sys.prefix).parent
    for sentence in pinned.add_missing(prefix):
        print(sentence, flush=True)
    missing = find_missing(prefix)
    if not missing:
        return 0
    print(f"adding {len(missing)} libraries that draw charts to {prefix / DIRECTORY}", flush=True)
    sentences = add_missing(prefix)
    for sentence in sentences:
        print(sentence, flush=True)
    if sentences:
        print("where no other stands in, outputs are shown as their text; the next start tries again", flush=True)
    else:
        print("all libraries are there", flush=True)
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
