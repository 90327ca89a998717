"""``make bench``: start a server as ``make run`` does and measure it; one table, also in bench/results/bench.json.

The figures of one run belong together: server, floor and layers were measured in the same minutes on the same machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from bench import loops, references, sage, table
from harness.languages import is_installed
from harness.processes import start
from harness.server import ROOT, START_S, make_site

BENCH = ROOT / "bench"
RESULTS = BENCH / "results"
ROUNDS = 200
JUPYTER = ROOT / ".build" / "jupyter" / "bin" / "python"  # tests of Jupyter's clients leave it
# What is measured by itself; some of it needs what the others do not, such as a browser.
ALONE = (
    "page", "sage", "languages", "genes", "starts", "checking", "commands", "controls", "kernels", "loops",
    "overload", "plot", "references", "refusals", "sagecells", "scale", "sessions", "shape", "jobs", "history",
)  # fmt: skip


def main() -> None:
    """Run every measurement, or one, as its first argument says: page, sage, genes, controls and so on, see below."""
    named = sys.argv[1:2]
    if named and named != ["latency"] and named[0] not in ALONE:
        sys.exit(f"bench: {named[0]} is no measurement: latency, {', '.join(ALONE)}")
    if named and named[0] in ALONE:
        return import_module(f"bench.{sys.argv[1]}").main(sys.argv[2:])  # type: ignore[no-any-return]
    RESULTS.mkdir(exist_ok=True)
    started = table.about()
    table.forget(RESULTS)
    untrusted_python = os.environ["UNTRUSTED_PYTHON"]
    site = make_site()
    print("submit → finished, beside the floor that the kernel charges", flush=True)
    with start(site.argv, ready=f"^ready {site.url}$", deadline_s=START_S, env=site.env, cwd=ROOT):
        run(sys.executable, "latency.py", site.url, untrusted_python, str(ROUNDS))
    if sys.argv[1:2] == ["latency"]:
        return
    print("short cells in loops", flush=True)
    loops.main([])
    print("beside what others do", flush=True)
    references.main([str(references.SECONDS), *([str(JUPYTER)] if JUPYTER.exists() else [])])
    print("the price of each layer of the sandbox", flush=True)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as stage:  # below /tmp it would be shown to sessions at a price
        lockdown(Path(stage), untrusted_python)
    if is_installed("sage"):
        print("cells of Sage", flush=True)
        sage.main([])
    print(f"\n{table.make(RESULTS, started)}")


def run(python: str, program: str, *arguments: str) -> None:
    """Run one measurement where its JSON belongs."""
    subprocess.run([python, str(BENCH / program), *arguments], cwd=RESULTS, check=True)


def lockdown(stage: Path, untrusted_python: str) -> None:
    """Measure the layers; as root as another account, for which the checkout may be out of reach."""
    for room in ("untrusted", "bench"):
        shutil.copytree(ROOT / room, stage / room)
    for name in ("contract.py", "wire.py"):
        shutil.copyfile(ROOT / name, stage / name)
    figures = stage / "lockdown.json"
    figures.touch()
    figures.chmod(0o666)
    stage.chmod(0o755)
    subprocess.run([untrusted_python, str(stage / "bench" / "lockdown.py"), "--json", str(figures)], check=True)
    shutil.copyfile(figures, RESULTS / figures.name)


if __name__ == "__main__":
    main()
