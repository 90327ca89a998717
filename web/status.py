"""Serves GET /status: the server at a glance, as a page for its operator."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from flask import Blueprint, Response

from store import ServedLanguages, StoreUnavailableError
from store.overview import AGES_S
from web import operator
from web.context import Context, here
from web.operations import operation
from web.pages import page
from web.parameters import Text
from web.problems import refuse

routes = Blueprint("status", __name__)
EVERY = Text("every", "Seconds after which the page comes anew; without them it stands still.", r"[1-9][0-9]{0,3}")
MINUTES = 60
HEIGHT = 100.0  # of the graph, in its own units
CHALLENGE = {"WWW-Authenticate": 'Basic realm="operator of this server", charset="UTF-8"'}
ENDED = ("done", "failed", "cancelled", "lost")


@routes.get("/status")
@operation("A page for the operator", {200: "text/html"}, {400: "`every` is not right.",
           401: "The operator's key is missing."}, parameters=(EVERY,))  # fmt: skip
def show() -> Response:
    """Answer with the page; browsers ask for the operator's key as a password."""
    if not (operator.asks() or operator.has_password()):
        refuse(401, "This page is for the operator: give operator_key as the password.", CHALLENGE, reason="operator")
    context = here()
    response = page("status.html", every=EVERY.read(), **_content(context))
    response.headers["Cache-Control"] = "no-store"
    return response


def _content(context: Context) -> dict[str, Any]:
    now = datetime.now(timezone.utc)
    content: dict[str, Any] = {
        "now": now,
        "refused": sorted(context.figures.refusals(), key=lambda refusal: -refusal[1]),
        "faults": [("web part", *fault) for fault in context.figures.faults.last],
        "versions": [("web part's Python", platform.python_version())],
        "bands": [*(f"below {age} s" for age in AGES_S), "older"],
    }
    try:
        return content | _from_store(context, now, content)
    except StoreUnavailableError as error:
        return content | {"away": str(error)}


def _from_store(context: Context, now: datetime, content: dict[str, Any]) -> dict[str, Any]:
    overview, reports = context.store.overview, context.device_reports.reports(fresh=True)
    accounts = [account for report in reports for account in report.get("accounts", [])]
    faults = [(report["host"], *fault) for report in reports for fault in report.get("faults", [])]
    return {
        "devices": [{**report, "age_s": (now - report["reported"]).total_seconds()} for report in reports],
        "accounts": accounts,
        "languages": sorted(ServedLanguages.of(accounts).versions.items()),
        "waiting": overview.waiting(),
        "running": sorted(overview.running().items()),
        "storage": overview.storage(),
        "spenders": [(kind, overview.spenders(kind)) for kind in ("client", "origin", "key")],
        "faults": sorted([*content["faults"], *faults], key=lambda fault: fault[1], reverse=True)[:40],
        "versions": [*content["versions"], ("MongoDB", overview.version())],
        **_graph(overview.last_hour(), now),
    }


def _graph(minutes: Sequence[tuple[datetime, dict[str, float]]], now: datetime) -> dict[str, Any]:
    """Return the bars of the last hour: of each minute what ended, well or not, and the mean wait."""
    known = dict(minutes)
    first = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    times = [first + timedelta(minutes=number) for number in range(MINUTES)]
    rows = []
    for time in times:
        sums = known.get(time, {})
        ended = sum(sums.get(state, 0.0) for state in ENDED)
        rows.append((time, ended, ended - sums.get("done", 0.0), sums.get("waited_s", 0.0) / ended if ended else 0.0))
    most = max(0.0, *(ended for _time, ended, _bad, _wait_s in rows))
    bars = [
        {"time": time, "ended": int(ended), "bad": int(bad), "wait_s": wait_s, "height": HEIGHT * ended / (most or 1.0),
         "bad_height": HEIGHT * bad / (most or 1.0)}
        for time, ended, bad, wait_s in rows
    ]  # fmt: skip
    return {"bars": bars, "most": int(most), "ended": sum(bar["ended"] for bar in bars),
            "bad": sum(bar["bad"] for bar in bars)}  # fmt: skip
