"""Counts what this web process does, and shows it at /metrics with what the devices report."""

from __future__ import annotations

import time
from functools import partial

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from store import StoreUnavailableError
from web.connections import SHARES, Connections
from web.device_reports import DeviceReports
from web.notifier import Notifier

MEDIA_TYPE = CONTENT_TYPE_LATEST


def readiness(ready: bool) -> bytes:
    """Return the only figure that everybody may see."""
    registry = CollectorRegistry()
    Gauge("singlecell_ready", "Whether a cell can run.", registry=registry).set(ready)
    return generate_latest(registry)


class Figures:
    """The figures of one application; those of requests and submissions are of this web process alone."""

    def __init__(self, device_reports: DeviceReports, notifier: Notifier, connections: Connections) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "singlecell_http_requests", "Requests answered.", ["route", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "singlecell_http_request_seconds", "Time to the answer's head, waiting included.", ["route"],
            registry=self.registry,
        )  # fmt: skip
        self.submitted = Counter(
            "singlecell_computations_submitted", "Computations accepted.", ["language"], registry=self.registry
        )
        waiting = Gauge("singlecell_http_waiting", "Requests that wait for news.", registry=self.registry)
        waiting.set_function(lambda: notifier.waiting)
        at = Gauge("singlecell_http_connections", "Connections, by what they are at.", ["at"], registry=self.registry)
        for kind in SHARES:
            at.labels(kind.name.lower()).set_function(partial(connections.count, kind))
        self.registry.register(_Devices(device_reports))

    def watch(self, app: Flask) -> None:
        """Count every request of the application."""
        app.before_request(_begin)
        app.after_request(self._end)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self.registry)

    def _end(self, response: Response) -> Response:
        # The route, not the path: ids would make a series each.
        route = request.url_rule.rule if request.url_rule else "none"
        self.requests.labels(route, request.method, response.status_code).inc()
        self.seconds.labels(route).observe(time.perf_counter() - g.begun_at)
        return response


class _Devices(Collector):
    """The figures that are made of the devices' reports, at the time of the scrape."""

    def __init__(self, device_reports: DeviceReports) -> None:
        self._device_reports = device_reports

    def describe(self) -> list[Metric]:
        """Return nothing: else registering would ask the database."""
        return []

    def collect(self) -> list[Metric]:
        """Return whether the database answers, and each account's room for sessions."""
        database = GaugeMetricFamily("singlecell_database_up", "Whether the database answers.")
        devices = GaugeMetricFamily("singlecell_devices", "Devices that are alive.")
        capacity = GaugeMetricFamily("singlecell_capacity", "Sessions that the account can run.", labels=["account"])
        free = GaugeMetricFamily("singlecell_free", "Sessions that the account could take now.", labels=["account"])
        try:
            devices.add_metric([], len(self._device_reports.reports(fresh=True)))
        except StoreUnavailableError:
            database.add_metric([], 0)
            return [database]
        database.add_metric([], 1)
        for account in self._device_reports.accounts():
            capacity.add_metric([account["account"]], account.get("capacity") or 0)
            free.add_metric([account["account"]], account.get("free") or 0)
        return [database, devices, capacity, free]


def _begin() -> None:
    g.begun_at = time.perf_counter()
