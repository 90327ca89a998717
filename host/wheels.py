"""Read a file of a Python package that a lock file in requirements/ pins."""

from __future__ import annotations

import functools
import io
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from host.errors import SourceError
from host.layout import CHECKOUT

DOWNLOAD_S_MAX = 300


def read(package: str, lock: str, path: str, prefix: Path) -> bytes:
    """Return a file of a package: from the environment of its lock file, else from its wheel. Raises SourceError."""
    for file in prefix.glob(f"{lock}/lib/python3.*/site-packages/{path}"):
        return file.read_bytes()
    with zipfile.ZipFile(io.BytesIO(_download(package, CHECKOUT / "requirements" / f"{lock}.txt"))) as archive:
        try:
            return archive.read(path)
        except KeyError:
            raise SourceError(f"the wheel of {package} has no file {path}") from None


@functools.lru_cache(maxsize=1)  # the files of one wheel are asked for one after another
def _download(package: str, lock: Path) -> bytes:
    """Download the wheel that the lock file pins, with pip and its settings of this machine. Raises SourceError."""
    with tempfile.TemporaryDirectory() as directory:
        return _download_to(Path(directory), package, lock).read_bytes()


def _download_to(directory: Path, package: str, lock: Path) -> Path:
    pinned = re.search(rf"^{re.escape(package)}==.*\n(?:    --hash=.*\n)+", lock.read_text(), re.MULTILINE)
    if not pinned:
        raise SourceError(f"{lock.name} does not pin {package}")
    requirement = directory / "requirement.txt"
    requirement.write_text(pinned[0].rstrip().rstrip("\\") + "\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", "download", "--no-deps"]
    options = ["--require-hashes", "--only-binary", ":all:", "--dest", str(directory), "-r", str(requirement)]
    try:
        done = subprocess.run([*pip, *options], capture_output=True, text=True, timeout=DOWNLOAD_S_MAX, check=False)
    except subprocess.TimeoutExpired:
        raise SourceError(f"pip did not download {package} within {DOWNLOAD_S_MAX} s") from None
    wheels = list(directory.glob("*.whl"))
    if done.returncode or not wheels:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        raise SourceError(f"pip could not download {package} ({errors[-1] if errors else 'no reason given'})")
    return wheels[0]
