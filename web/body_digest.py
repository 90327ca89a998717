"""Digests the body of a submission, so that one which is sent again is told from another one under the same key."""

from __future__ import annotations

import hashlib
import time

import msgspec

from web.forms import Uploads
from web.request_schemas import NewComputation

DIGEST_BYTES = 16
AT_ONCE_BYTES = 256 << 10  # half a millisecond; so long all other requests stand still, and then as long this one


def of(body: NewComputation, uploads: Uploads) -> bytes:
    """Return the digest of the fields, however they were written, and of the files, which are left at their start."""
    digest = hashlib.blake2b(msgspec.json.encode(body, order="deterministic"), digest_size=DIGEST_BYTES)
    for name, file in uploads:
        of_file = hashlib.blake2b(name.encode(), digest_size=DIGEST_BYTES)
        began = time.monotonic()
        while piece := file.read(AT_ONCE_BYTES):
            of_file.update(piece)
            time.sleep(time.monotonic() - began)
            began = time.monotonic()
        file.seek(0)
        digest.update(of_file.digest())
    return digest.digest()
