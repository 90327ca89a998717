"""What is shipped to the untrusted account: ``wire.py`` and ``untrusted/``, nothing else, named by its hash."""

from __future__ import annotations

import hashlib
import io
import tarfile
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LENGTH_BYTES = 8

# Runs in the untrusted account with nothing but Python there: reads length, hash and archive from standard input (not
# a byte more: the charter follows), unpacks them below its own home under the hash, and becomes the supervisor.
RECEIVE = """
import hashlib, io, os, shutil, sys, tarfile, tempfile
def read(count):
    data = bytearray()
    while len(data) < count:
        piece = os.read(0, min(count - len(data), 1 << 16))
        if not piece:
            sys.exit("the trusted side hung up")
        data += piece
    return bytes(data)
length, digest = int.from_bytes(read(8), "big"), read(32)
if length > 1 << 24:
    sys.exit("the archive is too long")
data = read(length)
if hashlib.sha256(data).digest() != digest:
    sys.exit("the archive is damaged")
files = {}
with tarfile.open(fileobj=io.BytesIO(data)) as archive:
    for member in archive:
        parts = member.name.split("/")
        if not member.isreg() or "" in parts or ".." in parts:
            sys.exit("the archive names a place outside")
        files[member.name] = archive.extractfile(member).read()
try:
    shelf = os.path.join(os.path.expanduser("~"), ".singlecell")
    os.makedirs(shelf, mode=0o755, exist_ok=True)
    place = tempfile.mkdtemp(dir=shelf)
except OSError:
    shelf, place = None, tempfile.mkdtemp()
os.chmod(place, 0o755)
for name, content in files.items():
    path = os.path.join(place, name)
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path, "xb") as file:
        file.write(content)
        os.fchmod(file.fileno(), 0o444)
def holds(directory):
    found = {}
    for folder, below, names in os.walk(directory):
        if folder == directory and "home" in below:
            below.remove("home")  # caches that were made here, no code
        if any(os.path.islink(os.path.join(folder, name)) for name in below):
            return False
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path):
                return False
            with open(path, "rb") as file:
                found[os.path.relpath(path, directory)] = file.read()
    return found == files
if shelf:
    kept = os.path.join(shelf, digest.hex())
    try:
        os.rename(place, kept)
        place = kept
    except OSError:
        # It is there from an earlier start; what was changed there meanwhile is not used.
        if holds(kept):
            shutil.rmtree(place)
            place = kept
start = "import sys; sys.path.insert(0, sys.argv[1]); import runpy; runpy.run_module('untrusted', run_name='__main__')"
environment = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ} | {"LANG": "C.UTF-8"}
os.execve(sys.executable, [sys.executable, "-I", "-B", "-c", start, place], environment)
"""


@lru_cache(maxsize=1)
def pack() -> bytes:
    """Return length, SHA-256 and tar archive of what is shipped, as it was first read; same files, same bytes."""
    body = io.BytesIO()
    files = [ROOT / "wire.py", *sorted((ROOT / "untrusted").rglob("*.py"))]
    with tarfile.open(fileobj=body, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in files:
            content = path.read_bytes()
            member = tarfile.TarInfo(str(path.relative_to(ROOT)))
            member.size, member.mode = len(content), 0o444
            archive.addfile(member, io.BytesIO(content))
    data = body.getvalue()
    return len(data).to_bytes(LENGTH_BYTES, "big") + hashlib.sha256(data).digest() + data
