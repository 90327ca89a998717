"""Put what the measurements of one run have left into one table, each row with its reference of the same run."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.loops import CLIENTS
from harness.processes import untrusted_python
from harness.server import ROOT
from store import embedded

PARTS = ("latency", "loops", "references", "lockdown", "sage")  # the JSON of each, in one directory
TABLE = "bench.json"
FLOOR, BARE, FLASK = "a bare fork of IPython", "python -c", "plain Flask and MongoDB"
WIDTH = 44  # of the names
PLOT, TEXT, KERNEL = "a plot", "1 MB of text", "a fresh kernel of Jupyter's"


@dataclass(frozen=True)
class Row:
    """A measurement. ``times``: how many times as much as the reference it is, of what both have."""

    what: str
    a_second: float | None = None
    ms: Mapping[str, float] = field(default_factory=dict)
    cpu_ms: float | None = None
    reference: str = ""
    times: float | None = None

    def text(self) -> str:
        """Return its line."""
        figures = (self.a_second, *(self.ms.get(name) for name in ("p50", "p95", "p99")), self.cpu_ms)
        shown = ["" if one is None else f"{one:,.1f}" for one in figures]
        beside = f"  {self.times:.2f} × {self.reference}" if self.times is not None else ""
        return f"{self.what:{WIDTH}}" + "".join(f"{one:>9}" for one in shown) + beside


HEAD = f"{'':{WIDTH}}{'a second':>9}{'p50':>9}{'p95':>9}{'p99 ms':>9}{'CPU ms':>9}  beside its reference"


def about() -> dict[str, Any]:
    """Return what the figures depend on: machine, versions, date."""
    models = re.findall(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {models[0] if models else 'unnamed processor'}",
        "load average before": os.getloadavg()[0],
        "Linux": platform.release(),
        "Python": _said(untrusted_python(), "--version").removeprefix("Python "),
        "MongoDB": _said(embedded.mongod_program(), "--version").partition("\n")[0].removeprefix("db version v"),
        "commit": _said("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
    }


def rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows; ``found``: by their names, the tables of those measurements that were made."""
    latency, loops, others = found["latency"], found["loops"], found["references"]
    yield Row("1+1, idle", ms=latency["server"], reference=FLOOR, times=latency["ratio_p50"]["p50"])
    yield Row(FLOOR, ms=latency["floor"])
    yield Row("completion, idle", ms=latency["complete"])
    for name, row in loops.items():
        if name.startswith(("closed", "turns", "open")):
            bare = loops.get(f"references after {name}", {}).get(BARE)
            cost, a_second = row["cpu_ms_a_cell"]["all"], row["cells_per_s"]
            yield Row(name, a_second, row["ms"], cost, BARE if bare else "", a_second / bare if bare else None)
    busiest = loops[f"closed, {CLIENTS[-1]} clients"]
    for name, a_second in loops[f"references after closed, {CLIENTS[-1]} clients"].items():
        yield Row(f"{name}, nothing else", a_second)
    for part, cost in busiest["cpu_ms_a_cell"].items():
        if part not in ("all", "clients", "machine"):
            yield Row(f"a cell with {CLIENTS[-1]} clients: {part}", cpu_ms=cost)
    flask = others[FLASK]
    for name in (PLOT, TEXT, FLASK, KERNEL):
        if name in others:
            row = others[name]
            cost = sum(row["cpu_ms"].values()) if "cpu_ms" in row else None
            is_ours = name not in (FLASK, KERNEL)
            times = row["ms"]["p50"] / flask["ms"]["p50"] if is_ours else None
            yield Row(name, row["a second"], row["ms"], cost, FLASK if is_ours else "", times)
    yield Row("nobody there, CPU a second", cpu_ms=sum(ms for part, ms in others["idle"].items() if part != "machine"))
    yield Row("all layers over a bare fork", cpu_ms=found["lockdown"]["over_bare_fork_ms"])
    for name, ms in found.get("sage", {}).get("ms", {}).items():
        ratio = found["sage"]["ratio_to_floor_p50"].get(name)
        yield Row(f"Sage: {name}", ms=ms, reference="a bare fork of Sage" if ratio else "", times=ratio)


def make(directory: Path, started: Mapping[str, Any]) -> str:
    """Return the table of what is in a directory, and leave it there as JSON; ``started``: from ``about``."""
    files = {name: directory / f"{name}.json" for name in PARTS}
    found = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    table = list(rows(found))
    whole = {**started, "rows": [asdict(row) for row in table]}
    (directory / TABLE).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    return "\n".join([*(f"{name}: {value}" for name, value in started.items()), HEAD, *(row.text() for row in table)])


def forget(directory: Path) -> None:
    """Delete what earlier runs have left, so that a table is of one run."""
    for name in PARTS:
        (directory / f"{name}.json").unlink(missing_ok=True)


def _said(*argv: str) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not known"
