"""Asks for proofs of work while many computations wait: a number that is found by trying, as ALTCHA has it.

The challenge is SHA-256 of a salt and a number; who finds the number has tried them. The server forgets both, and knows
its own challenges by a signature, which holds for the client that was asked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error

import msgspec

from settings import Settings
from store import Store

KEPT_S = 0.5  # for so long what waits is not counted again
EXPIRES_S = 300.0  # a slow phone tries 50,000 a second
SALT_BYTES = 12
ALGORITHM = "SHA-256"
_EXPIRES = re.compile(r"[0-9a-f]+\?expires=([0-9]{1,12})&", re.ASCII)


class Challenge(msgspec.Struct, frozen=True):
    """What a client is asked: the number from 0 to ``maxnumber`` that, behind the salt, has this hash (hex)."""

    algorithm: str
    challenge: str
    maxnumber: int
    salt: str
    signature: str


class Proof(msgspec.Struct, frozen=True):
    """What a client found."""

    algorithm: str
    challenge: str
    number: int
    salt: str
    signature: str


class Proofs:
    """The challenges of one web process, and the proofs that were used up here.

    Other processes accept the same proof once more; nginx sends a client to one of them.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._lock = threading.Lock()
        self._looked_at, self._are_asked_for = float("-inf"), False
        self._spent: dict[str, float] = {}  # signature: when it expires, in seconds since 1970

    def are_asked_for(self) -> bool:
        """Return whether so many computations wait that each needs a proof. Raises StoreUnavailableError."""
        if not self._settings.proof_of_work:
            return False
        # No lock: two readers at once count twice, but nobody queues behind a database that does not answer.
        if time.monotonic() - self._looked_at > KEPT_S:
            self._are_asked_for = self._store.computations.are_waiting(self._settings.proof_waiting_min)
            self._looked_at = time.monotonic()
        return self._are_asked_for

    def challenge(self, client: str) -> Challenge:
        """Return a new challenge for a client. Raises StoreUnavailableError."""
        most = 2 * self._settings.proof_tries
        salt = f"{secrets.token_hex(SALT_BYTES)}?expires={int(time.time() + EXPIRES_S)}&"
        challenge = _hash(salt, secrets.randbelow(most + 1))
        return Challenge(ALGORITHM, challenge, most, salt, self._signature(client, salt, challenge))

    def accept(self, untrusted_text: str, client: str) -> bool:
        """Use a proof up; return whether it is one, of this client, and not late. Raises StoreUnavailableError."""
        try:
            proof = msgspec.json.decode(urlsafe_b64decode(untrusted_text), type=Proof)
        except (Base64Error, ValueError, msgspec.MsgspecError):
            return False
        expires = _EXPIRES.fullmatch(proof.salt)
        signature = self._signature(client, proof.salt, proof.challenge)
        if expires is None or not hmac.compare_digest(proof.signature.encode(), signature.encode()):
            return False
        now, until = time.time(), float(expires[1])
        if until < now or not 0 <= proof.number < 1 << 63 or _hash(proof.salt, proof.number) != proof.challenge:
            return False
        with self._lock:
            if signature in self._spent:
                return False
            while self._spent and next(iter(self._spent.values())) < now:  # what stands behind expires soon after, too
                del self._spent[next(iter(self._spent))]
            self._spent[signature] = until
        return True

    def _signature(self, client: str, untrusted_salt: str, untrusted_challenge: str) -> str:
        return self._store.clients.sign(f"{client} {untrusted_salt} {untrusted_challenge}")


def _hash(salt: str, number: int) -> str:
    return hashlib.sha256(f"{salt}{number}".encode()).hexdigest()
