"""Show what a run has shown: a table for people, JSON for programs, and Tsung's own pages with graphs."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.latency import quantile_ms, row
from harness.usage import Usage
from tests.load.options import Options
from tests.load.outcomes import Outcomes

STATS = ("/usr/lib/*/tsung/bin/tsung_stats.pl", "/usr/lib/tsung/bin/tsung_stats.pl")
STATS_S = 300


@dataclass(frozen=True)
class Result:
    """What one run has shown. ``usage`` is that of a server that was started here."""

    options: Options
    outcomes: Outcomes
    usage: Usage

    @property
    def answers_per_s(self) -> float:
        """Answered HTTP requests a second, while students came."""
        return self._rate([request.ended for request in self.outcomes.requests])

    @property
    def ends_per_s(self) -> float:
        """Computations that ended as they should, a second, while students came."""
        return self._rate([one.ended for one in self.outcomes.computations if one.outcome == "right"])

    @property
    def took_s(self) -> list[float]:
        """How long each computation took that had an end."""
        return [one.took_s for one in self.outcomes.computations if one.took_s is not None]

    @property
    def slowest_s(self) -> float:
        """The longest time from a submission to the end of its computation."""
        return max(self.took_s, default=float("inf"))

    @property
    def server_cores(self) -> dict[str, float]:
        """CPU seconds a second of each part of the server; empty when it was not started here."""
        return {name: value for name, value in self.usage.cores.items() if name not in ("machine", "tsung")}

    @property
    def cpu_ms_per_computation(self) -> float:
        """CPU of the whole server for each computation that ended while students came, in milliseconds."""
        return 1000 * sum(self.server_cores.values()) / self.ends_per_s if self.ends_per_s else 0.0

    def _rate(self, ends: list[float]) -> float:
        first = min((request.began for request in self.outcomes.requests), default=0.0)
        return sum(end <= first + self.options.seconds for end in ends) / self.options.seconds

    def figures(self) -> dict[str, Any]:
        """Return all of it as JSON's types."""
        counts = {name: self.outcomes.count(name) for name in ("right", "wrong", "lost", "refused")}
        return {
            "options": asdict(self.options),
            "requests_per_s": round(self.answers_per_s, 1),
            "computations_per_s": round(self.ends_per_s, 1),
            "requests": len(self.outcomes.requests),
            **counts,
            "failures": self.outcomes.failures,
            "errors": self.outcomes.errors,
            "ms": {name: times | {"number": number} for name, number, times in self.times()},
            "cores": {name: round(value, 2) for name, value in self.usage.cores.items()},
            "cpu_ms_per_computation": round(self.cpu_ms_per_computation, 1),
            "memory_mib": round(self.usage.memory_bytes / 2**20),
        }

    def times(self) -> list[tuple[str, int, dict[str, float]]]:
        """Return for each kind of time its name, how many there are, and their quantiles in milliseconds."""
        groups = {
            "request": [one.took_s for one in self.outcomes.requests if not one.polls],
            "long poll": [one.took_s for one in self.outcomes.requests if one.polls],
            "submit → finished": self.took_s,
        }
        for kind in sorted({one.kind for one in self.outcomes.computations}):
            groups["  " + kind.replace("_", ", ")] = [
                one.took_s for one in self.outcomes.computations if one.kind == kind and one.took_s is not None
            ]
        return [
            (name, len(took_s), row(took_s) | {"max": quantile_ms(took_s, 1.0)})
            for name, took_s in groups.items()
            if took_s
        ]


def table(result: Result) -> str:
    """Return the table of one run."""
    figures = result.figures()
    lines = [f"{'':22}{'number':>8}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}  ms"]
    for name, number, times in result.times():
        lines.append(f"{name:22}{number:8}" + "".join(f"{times[key]:9.1f}" for key in ("p50", "p95", "p99", "max")))
    lines.append("")
    lines.append(f"HTTP requests/s {figures['requests_per_s']}   computations/s {figures['computations_per_s']}")
    lines.append("   ".join(f"{name} {figures[name]}" for name in ("right", "wrong", "lost", "refused")))
    if failures := result.outcomes.failures:
        lines.append("answers with an error: " + ", ".join(f"{name} {number}" for name, number in failures.items()))
    if result.outcomes.errors:
        counted = ", ".join(f"{name} {number}" for name, number in result.outcomes.errors.items())
        lines.append(f"requests without an answer, as Tsung counts them: {counted}")
    lines.append(_usage(result))
    return "\n".join(lines)


def _usage(result: Result) -> str:
    used = result.usage.cores
    beside = f"Tsung {used.get('tsung', 0.0):.2f}, all of this machine {used.get('machine', 0.0):.2f}"
    cores = result.server_cores
    if not cores:
        return f"server CPU and memory: not known, it was not started here   (cores in use: {beside})"
    parts = ", ".join(f"{name} {value:.2f}" for name, value in sorted(cores.items(), key=lambda one: -one[1]))
    memory = f"{result.usage.memory_bytes / 2**20:.0f} MiB" if result.usage.memory_bytes else "not known"
    return (
        f"server CPU {sum(cores.values()):.2f} cores ({parts}), {result.cpu_ms_per_computation:.0f} ms a computation; "
        f"memory {memory}   ({beside})"
    )


def write(result: Result, folder: Path) -> None:
    """Leave the figures and Tsung's own report in a folder that has Tsung's logs."""
    (folder / "table.txt").write_text(table(result) + "\n")
    (folder / "load.json").write_text(json.dumps(result.figures(), indent=1, ensure_ascii=False) + "\n")
    program = next((path for pattern in STATS for path in Path("/").glob(pattern[1:])), None)
    if program is None:
        raise FileNotFoundError("tsung_stats.pl is not where Debian's package tsung has it")
    with open(folder / "tsung_stats.log", "w") as log:
        argv = ["perl", str(program), "--title", f"{result.options.rate:g} students a second"]
        subprocess.run(argv, cwd=folder, check=True, stdout=log, stderr=log, timeout=STATS_S)


def make_folder(parent: Path) -> Path:
    """Make a folder for one run, named by the time in UTC and its process: two may begin in one second."""
    folder = parent / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}"
    folder.mkdir(parents=True)
    return folder
