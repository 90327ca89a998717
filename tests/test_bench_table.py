"""``make bench`` ends with one table: text for people, the same as JSON, and beside a row its reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench import table

MS = {"p50": 20.0, "p95": 30.0, "p99": 40.0}
COST = {"web": 2.0, "device": 1.5, "all": 3.5, "clients": 0.5, "machine": 5.0}
LOOP = {"cells_per_s": 50.0, "ms": MS, "cpu_ms_a_cell": COST}
LEFT: dict[str, dict[str, Any]] = {
    "latency": {"server": MS, "floor": {**MS, "p50": 10.0}, "complete": MS, "ratio_p50": {"p50": 2.0}},
    "loops": {
        "date": "2026-11-30", "seconds": 8,
        **{f"closed, {number} clients": LOOP for number in (1, 4, 16, 64)},
        **{f"references after closed, {number} clients": {"python -c": 200.0} for number in (1, 4, 16, 64)},
        "open, 25 a second": LOOP,
    },
    "references": {
        "a plot": {"a second": 10.0, "ms": MS, "cpu_ms": {"web": 50.0, "sessions": 50.0}},
        "idle": {"web": 2.0, "device": 7.0, "machine": 50.0},
        "plain Flask and MongoDB": {"a second": 500.0, "ms": {**MS, "p50": 2.0}, "cpu_ms": {"flask": 0.4}},
    },
    "lockdown": {"over_bare_fork_ms": 1.9},
}  # fmt: skip


def test_a_row_stands_beside_its_reference_as_text_and_as_json(tmp_path: Path) -> None:
    for name, found in LEFT.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(found))
    text = table.make(tmp_path, table.about())
    named = [(line[: table.WIDTH].strip(), line[table.WIDTH :]) for line in text.splitlines()]
    lines = {name: " ".join(figures.split()) for name, figures in named}
    assert lines["1+1, idle"] == "20.0 30.0 40.0 2.00 × a bare fork of IPython"
    assert lines["closed, 64 clients"] == "50.0 20.0 30.0 40.0 3.5 0.25 × python -c"
    assert lines["a plot"] == "10.0 20.0 30.0 40.0 100.0 10.00 × plain Flask and MongoDB"
    assert lines["nobody there, CPU a second"] == "9.0"
    whole = json.loads((tmp_path / table.TABLE).read_text())
    assert {"machine", "date", "Linux", "Python", "MongoDB", "commit"} <= whole.keys()
    rows = {row["what"]: row for row in whole["rows"]}
    assert rows["closed, 64 clients"]["times"] == 0.25 and set(rows) <= set(lines)
    assert not any("Sage" in what for what in rows)
    of_parts = [row["cpu_ms"] for what, row in rows.items() if what.startswith("a cell with 64 clients")]
    assert sum(of_parts) == rows["closed, 64 clients"]["cpu_ms"]


def test_a_table_has_nothing_of_earlier_runs(tmp_path: Path) -> None:
    for name in table.PARTS:
        (tmp_path / f"{name}.json").write_text("{}")
    (tmp_path / "history.json").write_text("{}")
    table.forget(tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == ["history.json"]
