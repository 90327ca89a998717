"""Digests the body of a submission, so that one which is sent again is told from another one under the same key."""

from __future__ import annotations

import hashlib

import msgspec

from web.forms import PIECE_BYTES, Uploads
from web.request_schemas import NewComputation

DIGEST_BYTES = 16


def of(body: NewComputation, uploads: Uploads) -> bytes:
    """Return the digest of the fields, however they were written, and of the files, which are left at their start."""
    digest = hashlib.blake2b(msgspec.json.encode(body, order="deterministic"), digest_size=DIGEST_BYTES)
    for name, file in uploads:
        of_file = hashlib.blake2b(name.encode(), digest_size=DIGEST_BYTES)
        while piece := file.read(PIECE_BYTES):
            of_file.update(piece)
        file.seek(0)
        digest.update(of_file.digest())
    return digest.digest()
