"""GET /healthz, /readyz, /metrics: for those who keep the server running."""

from __future__ import annotations

from flask import Blueprint, Response

from store import FULL, NEARLY_FULL, StoreUnavailable
from web import metrics
from web.answers import AliveAnswer, ReadyAnswer, json_answer
from web.context import here
from web.operations import operation

routes = Blueprint("health", __name__)


@routes.get("/healthz")
@operation("Whether the web process is alive", {200: AliveAnswer})
def alive() -> Response:
    """Answer without asking anybody else."""
    return json_answer(AliveAnswer(True))


@routes.get("/readyz")
@operation("Whether a cell can run now", {200: ReadyAnswer, 503: ReadyAnswer})
def ready() -> Response:
    """Answer 200 when the database, a device and a free worker are there; else 503 and why."""
    try:
        here().store.ping()
        devices = here().fleet.reports(fresh=True)
        full = _fullness()
    except StoreUnavailable:
        return json_answer(ReadyAnswer(False, ["The database does not answer."]), 503)
    accounts = here().fleet.accounts()
    reasons = [full] if full else []
    if not devices:
        reasons.append("No trusted device is alive.")
    elif not any(account.get("free") for account in accounts):
        sentences = [account["sentence"] for account in accounts if account.get("sentence")]
        reasons += sentences or ["No worker is free."]
    return json_answer(ReadyAnswer(not reasons, reasons, accounts), 503 if reasons else 200)


def _fullness() -> str:
    """Return why nothing new is taken in, "" when it is. Raises StoreUnavailable."""
    if here().store.is_tight():
        return NEARLY_FULL
    return FULL if here().fleet.room().is_full else ""


@routes.get("/metrics")
@operation("Figures in Prometheus' text format", {200: "text/plain"})
def figures() -> Response:
    """Answer with the figures; those of requests are of the web process that answers."""
    return Response(here().figures.text(), content_type=metrics.MEDIA_TYPE)
