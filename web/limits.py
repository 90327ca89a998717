"""Serves GET /limits: every limit that a client can meet."""

from __future__ import annotations

import math
from datetime import datetime, timezone

from flask import Blueprint, Response

from store import StoreUnavailableError
from web import operator, request_schemas, requesters
from web.client_shares import REQUESTS_PER_S, SITE_UPLOADS, UPLOADS
from web.connections import BODY_S, HEAD_S, LEAST_RATE_BYTES_S
from web.context import here
from web.operations import operation
from web.parameters import KEY
from web.problems import ProblemError
from web.responses import Left, Limit, LimitsAnswer, json_answer
from web.stages import Kind

routes = Blueprint("limits", __name__)

UNITS = {
    "wait_s_max": "s",
    "code_bytes_max": "bytes",
    "user_expressions_max": "expressions",
    "request_bytes_max": "bytes",
    "message_bytes_max": "bytes",
    "queue_length_max": "computations",
    "page_waiting_max": "computations",
    "client_waiting_max": "computations",
    "origin_waiting_max": "computations",
    "key_waiting_max": "computations",
    "client_sessions_max": "sessions",
    "origin_sessions_max": "sessions",
    "key_sessions_max": "sessions",
    "page_begins_per_s": "sessions/s",
    "client_cpu_s_per_hour": "s/h",
    "origin_cpu_s_per_hour": "s/h",
    "key_cpu_s_per_hour": "s/h",
    "client_stored_bytes_max": "bytes",
    "client_permalinks_day_bytes_max": "bytes",
    "checks_max": "checks",
    "retention_s": "s",
    "files_retention_s": "s",
    "permalinks_retention_s": "s",
    "attempts_max": "attempts",
    "cell_wall_s": "s",
    "cell_cpu_s": "s",
    "cell_input_s": "s",
    "cell_total_s": "s",
    "cell_interrupt_grace_s": "s",
    "cell_output_bytes_max": "bytes",
    "cell_messages_max": "messages",
    "cell_files_max": "files",
    "cell_file_bytes_max": "bytes",
    "cell_files_bytes_max": "bytes",
    "session_memory_bytes": "bytes",
    "session_processes_max": "processes",
    "session_cpus_max": "CPUs",
    "session_disk_bytes": "bytes",
    "session_inodes_max": "inodes",
    "session_descriptors_max": "descriptors",
    "session_idle_s": "s",
    "session_life_s": "s",
    "sessions_asking_max": "sessions",
    "sessions_asking_bytes_max": "bytes",
}


@routes.get("/limits")
@operation("List every limit that a client can meet, and what is left of its budgets", {200: LimitsAnswer},
           parameters=(KEY,))  # fmt: skip
def list_limits() -> Response:
    """Answer with the settings that limit a client, with what follows from them, and their units."""
    settings = here().settings
    limits = {name: Limit(getattr(settings, name), unit) for name, unit in UNITS.items()}
    connections = here().connections
    limits |= {
        "json_bytes_max": Limit(request_schemas.json_bytes_max(settings), "bytes"),
        "message_text_bytes_max": Limit(request_schemas.message_text_bytes_max(settings), "bytes"),
        "head_s_max": Limit(HEAD_S, "s"),
        "body_s_max": Limit(BODY_S, "s"),
        "body_rate_min": Limit(LEAST_RATE_BYTES_S, "bytes/s"),
        "event_streams_max": Limit(connections.bound(Kind.EVENTS), "streams"),
        "long_polls_max": Limit(connections.bound(Kind.WAIT), "requests"),
        "sockets_max": Limit(connections.bound(Kind.SOCKET), "sockets"),
        "client_sockets_max": Limit(connections.client_bound(Kind.SOCKET), "sockets"),
        "client_event_streams_max": Limit(connections.client_bound(Kind.EVENTS), "streams"),
        "client_long_polls_max": Limit(connections.client_bound(Kind.WAIT), "requests"),
        "site_sockets_max": Limit(connections.site_bound(Kind.SOCKET), "sockets"),
        "site_event_streams_max": Limit(connections.site_bound(Kind.EVENTS), "streams"),
        "site_long_polls_max": Limit(connections.site_bound(Kind.WAIT), "requests"),
        "site_uploads_max": Limit(SITE_UPLOADS, "requests"),
        "client_requests_max": Limit(REQUESTS_PER_S, "requests/s"),
        "client_uploads_max": Limit(UPLOADS, "requests"),
    }
    languages = {
        language: {name: Limit(limit, UNITS[name]) for name, limit in entry["limits"].items() if name in UNITS}
        for language, entry in settings.languages.items()
    }
    return json_answer(
        LimitsAnswer(limits, {name: differing for name, differing in languages.items() if differing}, _left())
    )


def _left() -> dict[str, Left]:
    """Return what is left of the requester's CPU time; nothing for the operator, and for who may not run code."""
    if operator.asks():
        return {}
    try:
        budgets = here().store.budgets.look(requesters.admit(), datetime.now(timezone.utc))
    except (ProblemError, StoreUnavailableError):
        return {}
    return {
        f"{kind}_cpu_s": Left(round(max(0.0, budget.left_s), 1), budget.cpu_s_per_hour, math.ceil(budget.again_s), "s")
        for kind, budget in budgets.items()
    }
