"""Does the work that a server asks for while many computations wait."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any

TRIES_MAX = 100_000_000  # a minute: more is no server's right to ask


def prove(untrusted_challenge: dict[str, Any]) -> str:
    """Return the proof for a challenge; where there is none, a text that the server refuses."""
    salt, wanted = str(untrusted_challenge.get("salt")).encode(), untrusted_challenge.get("challenge")
    most = untrusted_challenge.get("maxnumber")
    begun = hashlib.sha256(salt)
    for number in range(min(most, TRIES_MAX) + 1 if isinstance(most, int) else 0):
        tried = begun.copy()
        tried.update(b"%d" % number)
        if tried.hexdigest() == wanted:
            kept = {name: untrusted_challenge.get(name) for name in ("algorithm", "challenge", "salt", "signature")}
            return urlsafe_b64encode(json.dumps({**kept, "number": number}).encode()).decode()
    return "none"
