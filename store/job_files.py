"""Keeps files that programs put here before the jobs that need them, each under an id that its owner chose.

It is a cache: the files of an owner, and all together, are bounded, and those that nobody has used for longest make
room. Who finds one missing puts it here again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from pymongo import ASCENDING

from store.database import Database
from store.errors import guarded
from store.space import Space

JOB_FILE_BYTES_MAX = 15 << 20  # a document of MongoDB's holds 16 MiB
OWNER_BYTES_MAX = 64 << 20
BYTES_MAX = 512 << 20
STORED_SHARE = 1 / 8  # on a small disk: of what may be stored in all
DOCUMENT_BYTES = 256  # what a file takes beside its bytes, with its entries in the indexes
USED_EACH = timedelta(hours=1)  # the note of the last use is as exact as this
AT_ONCE = 50  # files that are deleted in one round


class JobFiles:
    """The files of all owners. An owner has one name, or today's and yesterday's as a client has."""

    def __init__(self, database: Database, space: Space) -> None:
        self._database, self._space = database, space

    @guarded
    def put(self, owner: Sequence[str], id: str, content: bytes) -> None:
        """Keep a file; when this returns, it outlives a crash. Raises NoSpaceError, StoreUnavailableError."""
        self._space.check()
        size_bytes = len(content) + DOCUMENT_BYTES
        files = self._database.durable("job_files")
        self._make_room(owner[0], size_bytes)
        kept = {"owner": owner[0], "content": content, "bytes": size_bytes, "used": datetime.now(timezone.utc)}
        files.replace_one({"_id": _key(owner[0], id)}, kept, upsert=True)
        self._space.spend(size_bytes)

    @guarded
    def has(self, owner: Sequence[str], id: str) -> bool:
        """Return whether the file is there. Raises StoreUnavailableError."""
        found = self._database.collection("job_files").find_one(_named(owner, id), {"used": 1})
        return found is not None

    @guarded
    def get(self, owner: Sequence[str], id: str) -> bytes | None:
        """Return a file, None when it is not there, or not any more. Raises StoreUnavailableError."""
        found = self._database.collection("job_files").find_one(_named(owner, id))
        if found is None:
            return None
        now = datetime.now(timezone.utc)
        if now - found["used"] > USED_EACH:
            self._database.early("job_files").update_one({"_id": found["_id"]}, {"$set": {"used": now}})
        return bytes(found["content"])

    def _make_room(self, owner: str, size_bytes: int) -> None:
        files = self._database.collection("job_files")
        stored_bytes = int(self._space.stored_bytes_max() * STORED_SHARE)
        most_bytes = min(BYTES_MAX, max(JOB_FILE_BYTES_MAX + DOCUMENT_BYTES, stored_bytes))
        own = list(files.aggregate([{"$match": {"owner": owner}}, {"$group": {"_id": None, "of": {"$sum": "$bytes"}}}]))
        all_bytes = int(self._database.ready().command("collStats", "job_files")["size"])
        own_bytes = int(own[0]["of"]) if own else 0
        self._free({"owner": owner}, own_bytes + size_bytes - min(OWNER_BYTES_MAX, most_bytes))
        self._free({}, all_bytes + size_bytes - most_bytes)

    def _free(self, which: dict[str, str], excess_bytes: int) -> None:
        """Delete the files that were used longest ago until so many bytes are free."""
        files = self._database.collection("job_files")
        while excess_bytes > 0:
            ids = []
            for found in files.find(which, {"bytes": 1}).sort("used", ASCENDING).limit(AT_ONCE):
                if excess_bytes <= 0:
                    break
                ids.append(found["_id"])
                excess_bytes -= found["bytes"]
            if not ids:
                return
            files.delete_many({"_id": {"$in": ids}})


def _key(owner: str, id: str) -> str:
    return f"{owner} {id}"


def _named(owner: Sequence[str], id: str) -> dict[str, object]:
    return {"_id": {"$in": [_key(name, id) for name in owner]}}
