"""The dashboard and the alert rules ask for figures that /metrics has, in words that Prometheus understands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from device.figures import Figures
from device.runs import Ending, Run
from store import Store
from tests.web.conftest import ROOT, Device, submit

ALERTS = ROOT / "deploy" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"
LABELS = {
    "le", "account", "language", "age", "state", "reason", "stage", "status", "route", "at", "call", "what", "kind"
}  # fmt: skip


def queries() -> list[str]:
    """Return the queries of the dashboard, with an interval in the place of Grafana's."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"].replace("$__rate_interval", "5m") for panel in panels for target in panel["targets"]]


def test_every_figure_that_is_asked_for_is_on_metrics(
    client: FlaskClient, device: Device, store: Store, settings
) -> None:
    client.get("/computations/none")
    for _ in range(3):
        submit(client)
    claim, _running = device.claim(), device.claim()
    run = Run.of(claim, settings, 0.0)
    run.ending = Ending("done", None, None)
    figures = Figures()
    figures.count(run, "done")
    account = {"account": "a", "state": "ready", "capacity": 1, "free": 1, "sessions": 0, "pool": [["python", 1]]}
    store.devices.report("d", "h", {"accounts": [account], "figures": figures.report()})
    device.finish(claim)
    store.devices.report("d", "h", {"accounts": [account], "figures": figures.report()})
    told = set(re.findall(r"^(singlecell_\w+)", client.get("/metrics").text, re.MULTILINE))
    asked = set(re.findall(r"\b(singlecell_\w+)", "\n".join([*queries(), ALERTS.read_text()])))
    assert len(asked) > 20
    assert sorted(asked - told) == []
    by = ",".join(names for text in queries() for names in re.findall(r"by \(([^)]*)\)", text))
    assert set(by.replace(" ", "").split(",")) <= LABELS


def test_the_panels_of_the_dashboard_lie_beside_each_other_each_with_a_query() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(panels) and all(panel["targets"] and panel["title"] for panel in panels)


def test_promtool_understands_rules_and_queries(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: apt-get install prometheus")
    rules = [f"      - {{record: 'panel:{number}', expr: {json.dumps(text)}}}" for number, text in enumerate(queries())]
    panels = tmp_path / "panels.yml"
    panels.write_text("\n".join(["groups:", "  - name: panels", "    rules:", *rules]) + "\n")
    for file in (ALERTS, panels):
        checked = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_alerts_fire_when_they_should_and_not_before(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: apt-get install prometheus")
    file = tmp_path / "alerts_test.yml"
    file.write_text(TRIAL.replace("ALERTS", str(ALERTS)))
    tried = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr


TRIAL = """
rule_files: [ALERTS]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'singlecell_devices', values: '1x4 0x10'}
      - {series: 'singlecell_computations_ended_total{device="d",state="lost",reason="lost"}', values: '0x20 1x20'}
      - {series: 'singlecell_stored_bytes{what="computations"}', values: '90x4 99x30'}
      - {series: 'singlecell_stored_bytes_max', values: '100x40'}
    alert_rule_test:
      - {eval_time: 4m, alertname: SinglecellNoDevice, exp_alerts: []}
      - eval_time: 8m
        alertname: SinglecellNoDevice
        exp_alerts:
          - exp_labels: {severity: page}
            exp_annotations:
              summary: No trusted device is alive; cells wait in the queue.
              action: systemctl status singlecell-device
      - {eval_time: 19m, alertname: SinglecellCellsLost, exp_alerts: []}
      - eval_time: 25m
        alertname: SinglecellCellsLost
        exp_alerts:
          - exp_labels: {severity: warn}
            exp_annotations:
              summary: Cells were lost because what they ran on died again and again.
              action: the log of the device names them; perhaps one of them is an attack
      - {eval_time: 10m, alertname: SinglecellStoreFull, exp_alerts: []}
      - eval_time: 30m
        alertname: SinglecellStoreFull
        exp_alerts:
          - exp_labels: {severity: warn}
            exp_annotations:
              summary: As much is stored as may be, and deleting the oldest results does not help.
              action: python -m store report --by client says who stores most
"""
