"""/metrics tells all that the operator watches: queue, stages, pools, refusals, storage, budgets, the database."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from device.figures import Figures
from device.runs import Ending, Run
from store import Store
from tests.web.conftest import Device, submit


def scrape(client: FlaskClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return all samples by name and labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_waits_is_told_by_language_and_age(client: FlaskClient, device: Device) -> None:
    submit(client)
    submit(client)
    device.claim()
    found = scrape(client)
    waits = {labels[0][1]: value for (name, labels), value in found.items() if name == "singlecell_queue"}
    assert sum(waits.values()) == 1 and set(waits) == {"below_1_s", "below_10_s", "below_60_s", "older"}
    assert found["singlecell_queue_oldest_seconds", (("language", "python"),)] >= 0
    assert found["singlecell_running", (("language", "python"),)] == 1


def test_refusals_are_told_by_their_reason(client: FlaskClient, store: Store) -> None:
    client.post(f"/computations?key=page_{'x' * 32}", json={"code": "1"})
    client.post("/computations", json={"code": 1})
    client.get("/computations/none")
    found = scrape(client)
    for reason in ("key_unknown", "status_400", "unknown"):
        assert found["singlecell_http_refused_total", (("reason", reason),)] == 1


def test_the_devices_figures_are_told_with_stages_ends_and_calls(
    client: FlaskClient, device: Device, store: Store, settings
) -> None:
    submit(client)
    claim = device.claim()
    run = Run.of(claim, settings, 10.0)
    run.clock.began, run.ended = 10.2, 11.2
    run.ending = Ending("done", None, {"wall_s": 1.0, "cpu_s": 0.5, "memory_bytes": 1})
    device.finish(claim)
    figures = Figures()
    figures.count(run, "done")
    store.devices.report("device-1", "host-1", {"accounts": [], "figures": figures.report()})
    found = scrape(client)
    stage = ("device", "device-1"), ("stage", "run")
    assert found["singlecell_stage_seconds_sum", stage] == pytest.approx(1.0)
    assert found["singlecell_stage_seconds_bucket", (stage[0], ("le", "1.0"), stage[1])] in (0, 1)
    assert found["singlecell_stage_seconds_bucket", (stage[0], ("le", "+Inf"), stage[1])] == 1
    assert found["singlecell_cell_cpu_seconds_total", (("device", "device-1"), ("language", "python"))] == 0.5
    ended = ("device", "device-1"), ("language", "python"), ("reason", ""), ("state", "done")
    assert found["singlecell_computations_ended_total", ended] >= 1
    calls = [labels for name, labels in found if name == "singlecell_device_store_seconds_count"]
    assert (("call", "Claims.claim"), ("device", "device-1")) in calls
    assert figures.take_minute()["done"] == 1 and figures.take_minute() == {}


def test_accounts_storage_and_budgets_are_told(client: FlaskClient, device: Device, store: Store) -> None:
    device.report()
    client.post("/permalinks", json={"code": "1"})
    found = scrape(client)
    account = (("account", "untrusted@localhost"),)
    assert found["singlecell_capacity", account] == found["singlecell_free", account] == 4
    assert found["singlecell_account_up", account] == 1
    assert found["singlecell_stored_bytes", (("what", "permalinks"),)] > 0
    assert found["singlecell_stored_bytes_max", ()] > found["singlecell_stored_bytes", (("what", "computations"),)]
    assert found["singlecell_disk_free_bytes", ()] > 0
    assert found["singlecell_permalinks", ()] == 1
    assert found["singlecell_budgets_overdrawn", (("kind", "client"),)] == 0
    assert any(name == "singlecell_web_store_seconds_bucket" for name, _labels in found)


def test_a_metrics_page_does_not_grow_with_what_runs(client: FlaskClient, device: Device) -> None:
    lengths = []
    for _ in range(2):
        for _ in range(20):
            submit(client)
            device.run("x")
        lengths.append(len(client.get("/metrics").data))
    assert lengths[1] < 1.1 * lengths[0] < 150_000
