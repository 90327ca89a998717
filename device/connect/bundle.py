"""Packs what is shipped to the untrusted account, ``contract.py``, ``wire.py`` and ``untrusted/``, into one archive."""

from __future__ import annotations

import hashlib
import io
import tarfile
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("*.py", "kernel.json", "cells.js", "cells.m")
LENGTH_BYTES, DIGEST_BYTES = 8, 32
# The program that unpacks the archive over there; it is sent as the argument of ``python -c``.
BOOTSTRAP = Path(__file__).with_name("remote_bootstrap.py").read_text()


@lru_cache(maxsize=1)
def pack() -> bytes:
    """Return length, SHA-256 and tar archive of the files as they were first read; same files make the same bytes."""
    body = io.BytesIO()
    ours = [path for name in SHIPPED for path in (ROOT / "untrusted").rglob(name)]
    files = [ROOT / "contract.py", ROOT / "wire.py", *sorted(ours)]
    with tarfile.open(fileobj=body, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in files:
            content = path.read_bytes()
            member = tarfile.TarInfo(str(path.relative_to(ROOT)))
            member.size, member.mode = len(content), 0o444
            archive.addfile(member, io.BytesIO(content))
    data = body.getvalue()
    return len(data).to_bytes(LENGTH_BYTES, "big") + hashlib.sha256(data).digest() + data


def digest() -> str:
    """Return the SHA-256 of the archive, in hexadecimal."""
    return pack()[LENGTH_BYTES : LENGTH_BYTES + DIGEST_BYTES].hex()
