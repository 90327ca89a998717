"""Finds out who makes a request that has something run or stored, and refuses those for whom nothing is.

The rules (keys, bans) are the operator's, and up to ``store.access.KEPT_S`` old.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone

from flask import g, request
from msgspec import UNSET, UnsetType

from store import OPERATOR, ORIGIN, Key, Once, OverShareError, Requester, lane_of, name_of
from store.access import NEW_S
from store.budgets import names_of
from store.keys import hash_of
from web import clients, languages, operator
from web.client_shares import sites_of
from web.context import connection, here
from web.parameters import KEY, ONCE_HEADER, ONCE_QUERY, PAGE
from web.problems import ask_for_proof, refuse

NO_KEY = "This server runs code only for those who have a key; the author of the page can ask its operator for one."
NO_API_KEY = "This is for programs with an API key (`Authorization: Bearer KEY`), and for the operator."
UNKNOWN_KEY = "The key is not known here, or was taken back; the author of the page can ask the operator for another."
API_KEY_IN_ADDRESS = "An API key belongs into the header `Authorization`, not into an address, which others see."
BANNED = "This server runs nothing more for you; its operator can say why."
REMOVED = "The operator has taken this code down."
_AGAIN = "has used its computing time; it has more in {minutes} min."
OVERDRAWN = {
    "client": f"Your address {_AGAIN}",
    "origin": f"This site {_AGAIN}",
    "key": f"The key of this page {_AGAIN}",
}
PROBLEMS = {
    401: "A key is required, or the one that came along is not known, or was taken back.",
    403: "The key is not for this page or language, or nothing is run for this client, origin or key any more.",
}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="singlecell"'}


def admit() -> Requester:
    """Return who makes this request, if something may be run or stored for them.

    Raises ProblemError 400, 401, 403; StoreUnavailableError.
    """
    if "requester" in g:
        found: Requester = g.requester
        return found
    return admit_with(_key())


def admit_with(key: Key | None) -> Requester:
    """Do the same, anew, for a request that came with this key, wherever it stood. Raises the same errors."""
    rules = here().store.access.rules()
    own = key.name if key else OPERATOR if operator.has_key() else None
    requester = Requester(clients.current(), _origin(), own)
    if own is None and here().settings.keys_required:
        refuse(401, NO_KEY, CHALLENGE, reason="key_missing")
    if own != OPERATOR and rules.bans.find(requester, clients.address()) is not None:
        refuse(403, BANNED, reason="banned")
    if key is not None and key.origins and requester.origin not in key.origins:
        page = f"pages of {requester.origin}" if requester.origin else "programs"
        refuse(403, f"The key is not for {page}.", reason="key_page")
    g.key, g.requester = key, requester
    return requester


def program() -> str:
    """Return the name of the API key that came with the request. Raises ProblemError 400, 401, 403."""
    admit()
    key: Key | None = g.key
    if key is None or key.kind != "api":
        refuse(401, NO_API_KEY, CHALLENGE, reason="key_missing")
    return key.name


def shares() -> tuple[str | None, tuple[str, ...]]:
    """Return in whose shares of this web process an admitted request counts: of its client, and of its sites."""
    requester = admit()
    return connection().client, sites_of(requester.origin, requester.key)


def lane() -> str | None:
    """Return the lane in which what an admitted request has run waits; None for the operator, who has no shares."""
    requester, page = admit(), PAGE.read()
    return None if operator.asks() else lane_of(requester, page)


def once() -> Once | None:
    """Return the idempotency key of an admitted request, the header's before the query's; None when it has none.

    A key counts for the API key that came along, else for the client: others that think of the same are others.
    Raises ProblemError 400.
    """
    requester = admit()
    in_header, in_query = ONCE_HEADER.read(), ONCE_QUERY.read()
    untrusted_key = in_query if in_header is None else in_header
    if untrusted_key is None:
        return None
    key: Key | None = g.key
    is_program = requester.key == OPERATOR or (key is not None and key.kind == "api")
    whose = (f"key {requester.key}",) if is_program else clients.recent()
    return Once(tuple(name_of(one, untrusted_key) for one in whose))


def check_budgets() -> None:
    """Refuse a request whose client, origin or key has used its CPU time.

    Raises OverShareError, StoreUnavailableError.
    """
    overdrawn = here().device_reports.overdrawn()
    if not overdrawn or operator.asks():
        return
    now = datetime.now(timezone.utc)
    for kind, id in names_of(admit()):
        again_s = (overdrawn[id] - now).total_seconds() if id in overdrawn else 0.0
        if again_s > 0:
            minutes = math.ceil(again_s / 60)
            raise OverShareError("cpu", OVERDRAWN[kind].format(minutes=minutes), again_s)


def check_proof(untrusted_proof: str | None) -> None:
    """Refuse a request without a proof of work while many computations wait.

    The operator and programs with an API key, which is a secret, need none. Raises ProblemError 400, 429;
    StoreUnavailableError.
    """
    proofs = here().proofs
    if not proofs.are_asked_for() or operator.asks() or (g.key is not None and g.key.kind == "api"):
        return
    client = clients.address()
    if untrusted_proof is None or not proofs.accept(untrusted_proof, client):
        ask_for_proof(proofs.challenge(client))


def check_language(asked: str | UnsetType, session_id: str | None) -> None:
    """Refuse a language that the key of an admitted request is not for. Raises ProblemError 403, 404, 422."""
    key: Key | None = g.key
    if key is None or not key.languages:
        return
    language = languages.checked(asked if isinstance(asked, str) else UNSET, session_id)
    if language not in key.languages:
        sentence = f"The key is not for {language}, but for {', '.join(key.languages)}."
        refuse(403, sentence, reason="key_language", language=here().settings.languages[language]["label"])


def _key() -> Key | None:
    """Return the key that came along, None when none did. Raises ProblemError 400, 401, StoreUnavailableError."""
    in_address, in_header = KEY.read(), _in_header()
    if in_address is not None and in_address.startswith("api_"):
        refuse(400, API_KEY_IN_ADDRESS)
    untrusted_text = in_address or in_header
    if untrusted_text is None or (in_address is None and operator.has_key()):
        return None
    return find_key(untrusted_text)


def find_key(untrusted_text: str) -> Key:
    """Return the key with this text. Raises ProblemError 401, StoreUnavailableError."""
    # The keys are found by their hash, so how long that takes tells nothing of them.
    access, hash = here().store.access, hash_of(untrusted_text)
    found = access.rules().keys.get(hash) or access.rules(NEW_S).keys.get(hash)
    if found is None:
        refuse(401, UNKNOWN_KEY, CHALLENGE, reason="key_unknown")
    return found


def _in_header() -> str | None:
    """Return the key of a header. Jobe's clients have one of their own, and send what they have to any server."""
    scheme, _, untrusted_text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return untrusted_text.strip()
    untrusted_text = request.headers.get("X-API-KEY", "").strip()
    return untrusted_text if untrusted_text.startswith("api_") else None


def _origin() -> str | None:
    untrusted_origin = request.headers.get("Origin", "").lower()
    return untrusted_origin if ORIGIN.fullmatch(untrusted_origin) else None
