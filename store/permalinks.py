"""Permalinks: code and language under a short id that cannot be guessed; kept for good."""

from __future__ import annotations

import secrets

from store.database import DURABLE, Database
from store.errors import available
from store.records import Permalink

ID_BYTES = 12


class Permalinks:
    """The same code has a new id each time: an id tells nothing about who else has shared it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @available()
    def create(self, code: str, language: str) -> str:
        """Store code; return its id."""
        permalink = secrets.token_urlsafe(ID_BYTES)
        document = {"_id": permalink, "code": code, "language": language}
        self._database.collection("permalinks", DURABLE).insert_one(document)
        return permalink

    @available()
    def get(self, permalink: str) -> Permalink | None:
        """Return what was stored; None when there is no such id."""
        document = self._database.collection("permalinks").find_one({"_id": permalink})
        return Permalink(document["code"], document["language"]) if document else None
