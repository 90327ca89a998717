"""What is shipped to the untrusted account: ``wire.py`` and ``untrusted/``, nothing else, under its hash."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LENGTH_BYTES = 8

# Runs in the untrusted account with nothing but Python there: reads length, hash and archive from standard input (not a
# byte more: the charter follows), unpacks below its own home under the hash, and becomes the supervisor.
RECEIVE = """
import hashlib, io, os, sys, tarfile, tempfile
def read(count):
    data = b""
    while len(data) < count:
        piece = os.read(0, min(count - len(data), 1 << 16))
        if not piece:
            sys.exit("the trusted side hung up")
        data += piece
    return data
length, digest = int.from_bytes(read(8), "big"), read(32)
if length > 1 << 24:
    sys.exit("the archive is too long")
data = read(length)
if hashlib.sha256(data).digest() != digest:
    sys.exit("the archive is damaged")
try:
    shelf = os.path.join(os.path.expanduser("~"), ".singlecell")
    os.makedirs(shelf, mode=0o755, exist_ok=True)
    place = tempfile.mkdtemp(dir=shelf)
except OSError:
    shelf, place = None, tempfile.mkdtemp()
os.chmod(place, 0o755)
with tarfile.open(fileobj=io.BytesIO(data)) as archive:
    for member in archive:
        if not (member.isreg() or member.isdir()) or member.name.startswith(("/", "..")) or "/.." in member.name:
            sys.exit("the archive names a place outside")
        archive.extract(member, place)
if shelf:
    kept = os.path.join(shelf, digest.hex())
    try:
        os.rename(place, kept)
    except OSError:
        import shutil
        if all(open(os.path.join(place, m.name), "rb").read() == open(os.path.join(kept, m.name), "rb").read()
               for m in tarfile.open(fileobj=io.BytesIO(data)) if m.isreg()):
            shutil.rmtree(place)
        else:
            kept = place
    place = kept
start = "import sys; sys.path.insert(0, sys.argv[1]); import runpy; runpy.run_module('untrusted', run_name='__main__')"
os.execv(sys.executable, [sys.executable, "-I", "-B", "-c", start, place])
"""


def pack() -> bytes:
    """Return length, SHA-256 and tar archive of what is shipped; the same files give the same bytes."""
    body = io.BytesIO()
    files = [ROOT / "wire.py", *sorted((ROOT / "untrusted").rglob("*.py"))]
    with tarfile.open(fileobj=body, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in files:
            content = path.read_bytes()
            member = tarfile.TarInfo(str(path.relative_to(ROOT)))
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    data = body.getvalue()
    return len(data).to_bytes(LENGTH_BYTES, "big") + hashlib.sha256(data).digest() + data
