"""Makes figures for /metrics at the time of the scrape: of the devices' reports, of the store, of our own calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from store import Store, StoreUnavailableError
from store.figures import BOUNDS_S, OURS, report_of
from store.overview import AGES_S
from web.device_reports import DeviceReports

CALLS = "Time of a call of the store, by the process that made it."
BANDS = (*(f"below_{age}_s" for age in AGES_S), "older")


class _Undescribed(Collector):
    """A collector whose figures are known at the scrape alone: registering it asks nobody."""

    def describe(self) -> list[Metric]:
        """Return nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the figures."""
        raise NotImplementedError


class OwnCalls(_Undescribed):
    """How long this process waits for the store, and the computations that it ended itself."""

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of this process."""
        calls = HistogramMetricFamily("singlecell_web_store_seconds", CALLS, labels=["call"])
        for name, counts, sum_s in report_of(OURS.calls):
            _add_times(calls, [name], counts, sum_s)
        ends = CounterMetricFamily(
            "singlecell_web_computations_ended", "Computations that ended before a device had them.",
            labels=["language", "state", "reason"],
        )  # fmt: skip
        for names, count in OURS.ends.items():
            ends.add_metric(list(names), count)
        yield from (calls, ends)


class Devices(_Undescribed):
    """What the devices that are alive report."""

    def __init__(self, device_reports: DeviceReports) -> None:
        self._device_reports = device_reports

    def collect(self) -> Iterator[Metric]:
        """Yield whether the database answers, each account's room, and what each device has counted."""
        database = GaugeMetricFamily("singlecell_database_up", "Whether the database answers.")
        try:
            reports = self._device_reports.reports(fresh=True)
        except StoreUnavailableError:
            database.add_metric([], 0)
            yield database
            return
        database.add_metric([], 1)
        devices = GaugeMetricFamily("singlecell_devices", "Devices that are alive.")
        devices.add_metric([], len(reports))
        yield from (database, devices)
        yield from _of_accounts(self._device_reports.accounts())
        yield from _of_devices(reports)


class Server(_Undescribed):
    """What the store tells of the whole server: the queue, what runs, storage, budgets."""

    def __init__(self, device_reports: DeviceReports, store: Store) -> None:
        self._device_reports, self._store = device_reports, store

    def collect(self) -> Iterator[Metric]:
        """Yield the figures; nothing when the database does not answer."""
        try:
            yield from (*self._queue(), *self._storage(), self._overdrawn())
        except StoreUnavailableError:
            return

    def _queue(self) -> Iterable[Metric]:
        queue = GaugeMetricFamily(
            "singlecell_queue", "Computations that wait, by language and age.", labels=["language", "age"]
        )
        oldest = GaugeMetricFamily(
            "singlecell_queue_oldest_seconds", "Age of the oldest computation that waits.", labels=["language"]
        )
        running = GaugeMetricFamily("singlecell_running", "Computations that run.", labels=["language"])
        for waiting in self._store.overview.waiting():
            oldest.add_metric([waiting.language], waiting.oldest_s)
            for band, count in zip(BANDS, waiting.counts, strict=True):
                queue.add_metric([waiting.language, band], count)
        for language, count in self._store.overview.running().items():
            running.add_metric([language], count)
        return queue, oldest, running

    def _storage(self) -> Iterable[Metric]:
        found = self._store.overview.storage()
        stored = GaugeMetricFamily("singlecell_stored_bytes", "Bytes that are stored.", labels=["what"])
        stored.add_metric(["computations"], found.stored_bytes)
        stored.add_metric(["permalinks"], found.permalinks_bytes)
        most = GaugeMetricFamily("singlecell_stored_bytes_max", "Bytes that computations may take.")
        most.add_metric([], found.stored_bytes_max)
        permalinks = GaugeMetricFamily("singlecell_permalinks", "Permalinks that are kept.")
        permalinks.add_metric([], found.permalinks)
        yield from (stored, most, permalinks)
        if found.free_bytes is not None:
            free = GaugeMetricFamily("singlecell_disk_free_bytes", "Free bytes of the database's disk.")
            free.add_metric([], found.free_bytes)
            yield free
        room = self._device_reports.room()
        full = GaugeMetricFamily("singlecell_full_clients", "Clients that have stored as much as they may.")
        full.add_metric([], len(room.full_clients))
        yield full

    def _overdrawn(self) -> Metric:
        kinds = [id.partition(":")[0] for id in self._device_reports.overdrawn()]
        overdrawn = GaugeMetricFamily("singlecell_budgets_overdrawn", "Budgets that are used up.", labels=["kind"])
        for kind in ("client", "origin", "key"):
            overdrawn.add_metric([kind], kinds.count(kind))
        return overdrawn


def _of_accounts(accounts: Sequence[dict[str, Any]]) -> Iterable[Metric]:
    capacity = GaugeMetricFamily("singlecell_capacity", "Sessions that the account can run.", labels=["account"])
    free = GaugeMetricFamily("singlecell_free", "Sessions that the account could take now.", labels=["account"])
    sessions = GaugeMetricFamily("singlecell_sessions", "Sessions that are open.", labels=["account"])
    up = GaugeMetricFamily("singlecell_account_up", "Whether the account runs cells.", labels=["account"])
    pool = GaugeMetricFamily(
        "singlecell_pool_ready", "Workers that wait for a session.", labels=["account", "language"]
    )
    for account in accounts:
        name = account["account"]
        capacity.add_metric([name], account.get("capacity") or 0)
        free.add_metric([name], account.get("free") or 0)
        sessions.add_metric([name], account.get("sessions") or 0)
        up.add_metric([name], account.get("state") == "ready")
        for language, count in account.get("pool", []):
            pool.add_metric([name, language], count)
    return capacity, free, sessions, up, pool


def _of_devices(reports: Sequence[dict[str, Any]]) -> Iterable[Metric]:
    ends = CounterMetricFamily(
        "singlecell_computations_ended", "Computations that ended.", labels=["device", "language", "state", "reason"]
    )
    cpu_s = CounterMetricFamily(
        "singlecell_cell_cpu_seconds", "CPU time that cells have used.", labels=["device", "language"]
    )
    stages = HistogramMetricFamily(
        "singlecell_stage_seconds", "Time of a computation in each stage.", labels=["device", "stage"]
    )
    calls = HistogramMetricFamily("singlecell_device_store_seconds", CALLS, labels=["device", "call"])
    for report in reports:
        device, figures = report["device"], report.get("figures", {})
        for *names, count in figures.get("ends", []):
            ends.add_metric([device, *names], count)
        for language, seconds in figures.get("cpu_s", []):
            cpu_s.add_metric([device, language], seconds)
        for family, name in ((stages, "stages"), (calls, "calls")):
            for label, counts, sum_s in figures.get(name, []):
                _add_times(family, [device, label], counts, sum_s)
    return ends, cpu_s, stages, calls


def _add_times(family: HistogramMetricFamily, labels: list[str], counts: Sequence[int], sum_s: float) -> None:
    """Add a histogram, whose counts are of each bucket alone."""
    total, buckets = 0, []
    for bound, count in zip((*BOUNDS_S, float("inf")), counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), float(total)))
    family.add_metric(labels, buckets, sum_s)
