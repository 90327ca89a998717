"""Serves GET /healthz, /readyz and /metrics, by which operators see how the server is."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from store import FULL, NEARLY_FULL, SchemaError, StoreUnavailableError
from web import metrics, operator
from web.context import here
from web.operations import operation
from web.responses import AliveAnswer, ReadyAnswer, json_answer

NOT_READY = "No cell can run just now."

routes = Blueprint("health", __name__)


@routes.get("/healthz")
@operation("Whether the web process is alive", {200: AliveAnswer})
def alive() -> Response:
    """Answer without asking anybody else."""
    return json_answer(AliveAnswer(True))


@routes.get("/readyz")
@operation("Whether a cell can run now; to the operator also why not", {200: ReadyAnswer, 503: ReadyAnswer})
def ready() -> Response:
    """Answer 200 when the database, a device and a free worker are there; else 503 and, to the operator, why."""
    reasons, accounts = _look()
    if not operator.asks():
        reasons, accounts = [NOT_READY] if reasons else [], []
    return json_answer(ReadyAnswer(not reasons, reasons, accounts), 503 if reasons else 200)


def _fullness() -> str:
    """Return why the server accepts nothing new, "" when it does. Raises StoreUnavailableError."""
    if here().store.is_tight():
        return NEARLY_FULL
    return FULL if here().device_reports.room().is_full else ""


@routes.get("/metrics")
@operation("Figures in Prometheus' text format; to others than the operator one", {200: "text/plain"})
def figures() -> Response:
    """Answer with the figures; those of requests are of the web process that answers."""
    text = here().figures.text() if operator.asks() else metrics.readiness(not _look()[0])
    return Response(text, content_type=metrics.MEDIA_TYPE)


def _look() -> tuple[list[str], list[dict[str, Any]]]:
    """Return why no cell can run now, nothing if one can; and what each untrusted account reports."""
    try:
        here().store.ping()
        devices = here().device_reports.reports(fresh=True)
        full = _fullness()
    except SchemaError as error:
        return [str(error)], []
    except StoreUnavailableError:
        return ["The database does not answer."], []
    accounts = here().device_reports.accounts()
    reasons = [full] if full else []
    if not devices:
        reasons.append("No trusted device is alive.")
    elif all(device.get("is_draining") for device in devices):
        reasons.append("The trusted device ends what it has, and takes nothing new.")
    elif not any(account.get("free") for account in accounts):
        sentences = [account["sentence"] for account in accounts if account.get("sentence")]
        reasons += sentences or ["No worker is free."]
    return reasons, accounts
