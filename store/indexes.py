"""Names the indexes of all collections: every query of the daily work finds one. Some delete what is old."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

INTROSPECTION_KEPT_S = 120
# A client's count is of no use after the day of its salt; what it stored may be there a while longer.
CLIENT_KEPT_S = 2 * 86400
# An idempotency key of the day's last minute is known for a day more, under that day's name of its client.
SALT_KEPT_S = 2 * 86400 + 3600
ONCE_KEPT_S = 86400
HISTORY_KEPT_S = 2 * 3600
JOB_FILE_KEPT_S = 30 * 86400
CONFLICTS_KEPT_S = 30 * 86400
AUDIT_KEPT_S = 400 * 86400
KERNEL_KEPT_S = 86400  # after somebody used it
RESERVATION_KEPT_S = 600  # after its process died; no request takes as long

_QUEUED = {"state": "queued"}
INDEXES: dict[str, list[IndexModel]] = {
    "computations": [
        # Partial, so that the queue stays small beside any number of old computations. ``follows`` is null in line.
        IndexModel([("follows", ASCENDING), ("queued", ASCENDING), ("order", ASCENDING)], name="line",
                   partialFilterExpression=_QUEUED),
        IndexModel([("lane", ASCENDING), ("follows", ASCENDING)], name="lanes", unique=True,
                   partialFilterExpression={**_QUEUED, "lane": {"$exists": True}}),
        IndexModel([("origin", ASCENDING)], name="of_origin",
                   partialFilterExpression={**_QUEUED, "origin": {"$type": "string"}}),
        IndexModel([("key", ASCENDING)], name="of_key",
                   partialFilterExpression={**_QUEUED, "key": {"$type": "string"}}),
        IndexModel([("session", ASCENDING), ("turn", ASCENDING)], name="turns", unique=True),
        IndexModel([("session", ASCENDING), ("submitted", ASCENDING)], name="queued_turns",
                   partialFilterExpression=_QUEUED),
        IndexModel([("queued", ASCENDING), ("order", ASCENDING)], name="next_turns",
                   partialFilterExpression={**_QUEUED, "turn": {"$gt": 0}}),
        IndexModel([("once.name", ASCENDING)], name="once", unique=True,
                   partialFilterExpression={"once.name": {"$exists": True}}),
        IndexModel([("session", ASCENDING), ("control.model", ASCENDING), ("turn", ASCENDING)], name="controls",
                   partialFilterExpression={"control.model": {"$exists": True}}),
        IndexModel([("lease_until", ASCENDING)], name="leases", partialFilterExpression={"state": "running"}),
        IndexModel([("finished", ASCENDING)], name="retention"),
        IndexModel([("client", ASCENDING), ("finished", ASCENDING)], name="of_client",
                   partialFilterExpression={"client": {"$exists": True}}),
    ],
    "deleted": [
        IndexModel([("once.name", ASCENDING)], name="once"),
        IndexModel([("submitted", ASCENDING)], name="kept", expireAfterSeconds=ONCE_KEPT_S),
        IndexModel([("client", ASCENDING), ("submitted", ASCENDING)], name="of_client",
                   partialFilterExpression={"client": {"$exists": True}}),
    ],
    "messages": [
        IndexModel([("computation", ASCENDING), ("first", ASCENDING), ("attempt", ASCENDING)], name="batches",
                   unique=True),
    ],
    "sessions": [
        IndexModel([("device", ASCENDING), ("state", ASCENDING)], name="held"),
        IndexModel([("device", ASCENDING)], name="ending", partialFilterExpression={"end_requested": True}),
        IndexModel([("ended", ASCENDING)], name="retention"),
        IndexModel([("location.account", ASCENDING)], name="located",
                   partialFilterExpression={"location.account": {"$exists": True}}),
    ],
    "questions": [
        IndexModel([("asked", ASCENDING)], name="kept", expireAfterSeconds=INTROSPECTION_KEPT_S),
        IndexModel([("asked", ASCENDING)], name="open", partialFilterExpression={"state": "asked"}),
    ],
    "files.files": [
        IndexModel([("metadata.computation", ASCENDING), ("metadata.kind", ASCENDING), ("filename", ASCENDING),
                    ("_id", DESCENDING)], name="of_computation"),
        IndexModel([("uploadDate", ASCENDING)], name="retention"),
    ],
    "checks": [
        IndexModel([("digest", ASCENDING)], name="digest", unique=True),
        IndexModel([("published", ASCENDING)], name="published"),
    ],
    "job_files": [
        IndexModel([("owner", ASCENDING), ("used", ASCENDING), ("bytes", ASCENDING)], name="of_owner"),
        IndexModel([("used", ASCENDING)], name="kept", expireAfterSeconds=JOB_FILE_KEPT_S),
    ],
    "permalinks": [IndexModel([("used", ASCENDING)], name="used")],
    "clients": [
        IndexModel([("since", ASCENDING)], name="kept", expireAfterSeconds=CLIENT_KEPT_S),
        IndexModel([("bytes", ASCENDING)], name="largest"),
    ],
    "permalink_clients": [IndexModel([("since", ASCENDING)], name="kept", expireAfterSeconds=CLIENT_KEPT_S)],
    # When it is whole again, nothing need be known of a budget.
    "budgets": [IndexModel([("whole", ASCENDING)], name="whole", expireAfterSeconds=0)],
    "salts": [IndexModel([("made", ASCENDING)], name="kept", expireAfterSeconds=SALT_KEPT_S)],
    "audit": [IndexModel([("at", ASCENDING)], name="kept", expireAfterSeconds=AUDIT_KEPT_S)],
    "kernels": [
        IndexModel([("used", ASCENDING)], name="kept", expireAfterSeconds=KERNEL_KEPT_S),
        IndexModel([("client", ASCENDING)], name="of_client"),
        IndexModel([("owner", ASCENDING), ("used", ASCENDING)], name="of_owner",
                   partialFilterExpression={"owner": {"$type": "string"}}),
        IndexModel([("notebook", ASCENDING)], name="notebook",
                   partialFilterExpression={"notebook": {"$type": "string"}}),
    ],
    "minutes": [IndexModel([("minute", ASCENDING)], name="kept", expireAfterSeconds=HISTORY_KEPT_S)],
    "conflicts": [IndexModel([("minute", ASCENDING)], name="kept", expireAfterSeconds=CONFLICTS_KEPT_S)],
    "reservations": [IndexModel([("made", ASCENDING)], name="kept", expireAfterSeconds=RESERVATION_KEPT_S)],
    "files.chunks": [IndexModel([("files_id", ASCENDING), ("n", ASCENDING)], name="chunks", unique=True)],
}  # fmt: skip
