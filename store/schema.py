"""Notes how far the database has been migrated, and keeps programs away from one that they cannot work with.

The collection ``schema`` has one document: ``done`` are the numbers of the migrations that are complete, ``oldest`` is
that of the newest migration that a program must know to work with the database. Without a document nothing is done.
"""

from __future__ import annotations

from typing import Any

from pymongo import WriteConcern
from pymongo.client_session import ClientSession
from pymongo.database import Database as MongoDatabase

from store.errors import SchemaError

KNOWN = 2  # the number of the newest migration in store/migrations/
NAME, NOTE = "schema", {"_id": "schema"}
_DURABLE = WriteConcern("majority", j=True)

Mongo = MongoDatabase[dict[str, Any]]


def read(database: Mongo, session: ClientSession | None = None) -> dict[str, Any]:
    """Return the note. Raises PyMongoError."""
    return {"done": [], "oldest": 0, **(database[NAME].find_one(NOTE, session=session) or {})}


def check(database: Mongo, known: int = KNOWN) -> None:
    """Raise SchemaError when a program that knows so many migrations cannot work with the database; PyMongoError."""
    note = read(database)
    if note.get("restoring"):
        raise SchemaError(
            "The database is being restored, or a restore of it was interrupted: "
            "run `python -m store restore` again, to its end."
        )
    if note["oldest"] > known:
        raise SchemaError(
            f"The database was migrated by a newer version of this program: it needs one that knows migration "
            f"{note['oldest']}, and this one knows those up to {known}. Start the newer version, or restore a backup "
            "that is older."
        )


def change(database: Mongo, update: dict[str, Any]) -> None:
    """Change the note; when this returns, the change outlives a crash. Raises PyMongoError."""
    database.get_collection(NAME, write_concern=_DURABLE).update_one(NOTE, update, upsert=True)
