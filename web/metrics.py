"""Counts what this web process does, and shows it at /metrics with what the devices report and the store tells."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from functools import partial

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from log_lines import Faults
from store import Store
from web.collectors import Devices, OwnCalls, Server
from web.connections import Connections
from web.device_reports import DeviceReports
from web.notifier import Notifier
from web.stages import SHARES, Kind

MEDIA_TYPE = CONTENT_TYPE_LATEST
_METHODS = {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"}
# Why a request was refused, where the answer gives no reason of its own.
_REASONS = {404: "unknown", 408: "slow", 409: "state", 410: "gone", 413: "size", 422: "language", 500: "fault"}


def method_of(untrusted_method: str) -> str:
    """Return how a method is counted: what a stranger makes up must not make a series each."""
    return untrusted_method if untrusted_method in _METHODS else "other"


def readiness(ready: bool) -> bytes:
    """Return the only figure that everybody may see."""
    registry = CollectorRegistry()
    Gauge("singlecell_ready", "Whether a cell can run.", registry=registry).set(ready)
    return generate_latest(registry)


class Figures:
    """The figures of one application; those of requests and submissions are of this web process alone."""

    def __init__(
        self, device_reports: DeviceReports, notifier: Notifier, connections: Connections, store: Store
    ) -> None:
        self.registry, self.faults = CollectorRegistry(), Faults()
        logging.getLogger().addHandler(self.faults)
        self.requests = Counter(
            "singlecell_http_requests", "Requests answered.", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "singlecell_http_request_seconds", "Time to the answer's head, waiting included.", ["route"],
            registry=self.registry,
        )  # fmt: skip
        self.refused = Counter(
            "singlecell_http_refused", "Requests refused, by why.", ["reason"], registry=self.registry
        )
        self.submitted = Counter(
            "singlecell_computations_submitted", "Computations accepted.", ["language"], registry=self.registry
        )
        waiting = Gauge("singlecell_http_waiting", "Requests that wait for news.", registry=self.registry)
        waiting.set_function(lambda: notifier.waiting)
        at = Gauge("singlecell_http_connections", "Connections, by what they are at.", ["at"], registry=self.registry)
        for kind in (*SHARES, Kind.SOCKET):
            at.labels(kind.name.lower()).set_function(partial(connections.count, kind))
        for collector in (OwnCalls(), Devices(device_reports), Server(device_reports, store)):
            self.registry.register(collector)

    def watch(self, app: Flask) -> None:
        """Count every request of the application."""
        app.before_request(_begin)
        app.after_request(self._end)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self.registry)

    def refusals(self) -> Iterator[tuple[str, int]]:
        """Yield each reason for which this process refused requests, and how many."""
        for family in self.refused.collect():
            for sample in family.samples:
                if sample.name.endswith("_total"):
                    yield sample.labels["reason"], int(sample.value)

    def refused_early(self, untrusted_method: str, status: int, reason: str) -> None:
        """Count a request that was refused before the application saw it."""
        self.requests.labels("none", method_of(untrusted_method), status).inc()
        self.refused.labels(reason).inc()

    def _end(self, response: Response) -> Response:
        # The route, not the path: ids would make a series each.
        route = request.url_rule.rule if request.url_rule else "none"
        status = response.status_code
        self.requests.labels(route, method_of(request.method), status).inc()
        self.seconds.labels(route).observe(time.perf_counter() - g.begun_at)
        if "refused_for" in g:
            self.refused.labels(g.refused_for or _REASONS.get(status, f"status_{status}")).inc()
        return response


def _begin() -> None:
    g.begun_at = time.perf_counter()
