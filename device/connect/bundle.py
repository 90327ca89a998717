"""Ships ``contract.py``, ``wire.py`` and ``untrusted/`` to the untrusted account, as one archive named by its hash."""

from __future__ import annotations

import hashlib
import io
import tarfile
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LENGTH_BYTES = 8

# Runs in the untrusted account with nothing but Python there: reads length, hash and archive from standard input (not
# a byte more: the start configuration follows), unpacks them into a new directory below its own home, becomes
# the supervisor.
# Nothing that lies there already is used: the account may have been taken over before. A supervisor holds a lock on its
# directory as long as it lives; what nobody holds any more is removed by the next start.
RECEIVE = """
import fcntl, hashlib, io, os, shutil, sys, tarfile, tempfile
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
def lock(directory, flags):
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(descriptor, flags)
    return descriptor
def remove(path):
    try:
        if os.path.islink(path) or not os.path.isdir(path):
            os.unlink(path)
        else:
            held = lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
            os.close(held)
    except BlockingIOError:
        pass  # a supervisor lives there
    except (OSError, RecursionError) as error:
        print(f"what an earlier start left in {path!r} stays there: {type(error).__name__}", file=sys.stderr)
try:
    shelf = os.path.join(os.path.expanduser("~"), ".singlecell")
    os.makedirs(shelf, mode=0o755, exist_ok=True)
    alone = lock(shelf, fcntl.LOCK_EX)  # nobody takes a directory away before it is locked
    for name in os.listdir(shelf):
        if name.startswith("run-"):
            remove(os.path.join(shelf, name))
    place = tempfile.mkdtemp(prefix="run-", dir=shelf)
    os.set_inheritable(lock(place, fcntl.LOCK_EX), True)
    os.close(alone)
except OSError:
    place = tempfile.mkdtemp()
os.chmod(place, 0o755)
for name, content in files.items():
    path = os.path.join(place, name)
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path, "xb") as file:
        file.write(content)
        os.fchmod(file.fileno(), 0o444)
start = "import sys; sys.path.insert(0, sys.argv[1]); import runpy; runpy.run_module('untrusted', run_name='__main__')"
environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}  # no HOME: what lies there is not read
os.execve(sys.executable, [sys.executable, "-I", "-B", "-c", start, place], environment)
"""


@lru_cache(maxsize=1)
def pack() -> bytes:
    """Return length, SHA-256 and tar archive of what is shipped, as it was first read; same files, same bytes."""
    body = io.BytesIO()
    files = [ROOT / "contract.py", ROOT / "wire.py", *sorted((ROOT / "untrusted").rglob("*.py"))]
    with tarfile.open(fileobj=body, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in files:
            content = path.read_bytes()
            member = tarfile.TarInfo(str(path.relative_to(ROOT)))
            member.size, member.mode = len(content), 0o444
            archive.addfile(member, io.BytesIO(content))
    data = body.getvalue()
    return len(data).to_bytes(LENGTH_BYTES, "big") + hashlib.sha256(data).digest() + data
