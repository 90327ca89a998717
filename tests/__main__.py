"""``python -m tests``: all tests, part by part; with arguments one pytest that gets them.

Most tests wait more than they compute: where there are two processors, two parts run at once. At the end there are
the time of each part, the slowest tests of all, and each failure in a few lines. A part that does not end is aborted:
it says where each of its threads stands, and counts as failed.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.processes import tied
from harness.server import ROOT
from harness.usage import machine_cpu_s
from tests.parts import PARTS, PYTEST, Part, argv
from tests.results import Result, read, table

BESIDE_MAX = 2
PART_MAX_S = 900  # the longest takes 400; what CI gives all of it is 5400
NO_TESTS = 5  # pytest's exit code when all of a part are left out: its language is not installed


@dataclass
class Running:
    """The pytest of a part. ``said``: the file of its output, ``results``: of its times."""

    part: Part
    process: subprocess.Popen[bytes]
    said: Path
    results: Path
    begun: float = field(default_factory=time.monotonic)


def main(arguments: list[str]) -> int:
    """Run the tests; return the worst of the exit codes."""
    if arguments:
        os.execv(sys.executable, [*PYTEST, *arguments])
    return run(PARTS, min(BESIDE_MAX, len(os.sched_getaffinity(0))))


def run(parts: Sequence[Part], beside: int, part_max_s: float = PART_MAX_S) -> int:
    """Run parts, so many at once, then those that must be alone; print what they say and a table."""
    begun, before_s = time.monotonic(), machine_cpu_s()
    with tempfile.TemporaryDirectory(prefix="tests-") as name:
        directory = Path(name)
        results = [*run_beside([part for part in parts if not part.alone], parts, beside, directory, part_max_s)]
        busy = (machine_cpu_s() - before_s) / (time.monotonic() - begun) / len(os.sched_getaffinity(0))
        results += run_beside([part for part in parts if part.alone], parts, 1, directory, part_max_s)
    print(table(results, time.monotonic() - begun, busy), flush=True)
    return max([result.code for result in results], default=130)


def run_beside(
    waiting: Sequence[Part], parts: Sequence[Part], most: int, directory: Path, part_max_s: float
) -> Iterator[Result]:
    """Yield the results of parts as they end. Ctrl-C reaches those that run by itself; no other begins then."""
    left, running = list(waiting), []
    while left or running:
        try:
            while left and len(running) < most:
                running.append(begin(left.pop(0), parts, directory))
            ended = wait_for_one(running, part_max_s)
        except KeyboardInterrupt:
            left.clear()
            continue
        running.remove(ended)
        yield end(ended)


def begin(part: Part, parts: Sequence[Part], directory: Path) -> Running:
    """Start the pytest of a part."""
    print(f"tests: {part.name}: they begin", flush=True)
    said, results = (directory / f"{part.name}.{kind}" for kind in ("txt", "xml"))
    command = [*argv(part, parts), f"--junitxml={results}"]
    with open(said, "wb") as output:
        process = subprocess.Popen(
            tied(command), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    return Running(part, process, said, results)


def wait_for_one(running: Sequence[Running], part_max_s: float) -> Running:
    """Return one that has ended; abort the oldest when its time is over."""
    ends = {os.pidfd_open(one.process.pid): one for one in running}
    oldest = min(running, key=lambda one: one.begun)
    try:
        ended = select.select(list(ends), [], [], max(0, oldest.begun + part_max_s - time.monotonic()))[0]
        if ended:
            return ends[ended[0]]
        print(f"tests: {oldest.part.name}: did not end in {part_max_s:g} s, and is aborted", flush=True)
        oldest.process.send_signal(signal.SIGABRT)
        return oldest
    finally:
        for descriptor in ends:
            os.close(descriptor)


def end(ended: Running) -> Result:
    """Print what a part has said; return what it came to."""
    code = ended.process.wait()
    sys.stdout.buffer.write(ended.said.read_bytes())
    sys.stdout.flush()
    code = 0 if code == NO_TESTS else code if code >= 0 else 128 - code
    return read(ended.results, ended.part.name, code, time.monotonic() - ended.begun)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
