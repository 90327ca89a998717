"""``make bench``: start a server as ``make run`` does and measure it; tables on standard output, JSON in bench/results.

The figures of one run belong together: server, floor and layers were measured in the same minutes on the same machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import genes, languages, sage, starts
from harness.languages import is_installed
from harness.processes import start
from harness.server import ROOT, START_S, make_site

BENCH = ROOT / "bench"
RESULTS = BENCH / "results"
ROUNDS = 200


def main() -> None:
    """Run every measurement, or one, as its first argument says: page, sage, genes, controls and so on, see below."""
    if sys.argv[1:2] == ["page"]:
        from bench import page  # it needs a browser, which the others do not

        return page.main(sys.argv[2:])
    if sys.argv[1:2] == ["sage"]:
        return sage.main(sys.argv[2:])
    if sys.argv[1:2] == ["languages"]:
        return languages.main(sys.argv[2:])
    if sys.argv[1:2] == ["genes"]:
        return genes.main(sys.argv[2:])
    if sys.argv[1:2] == ["starts"]:
        return starts.main(sys.argv[2:])
    if sys.argv[1:2] == ["checking"]:
        from bench import checking

        return checking.main()
    if sys.argv[1:2] == ["commands"]:
        from bench import commands

        return commands.main(sys.argv[2:])
    if sys.argv[1:2] == ["controls"]:
        from bench import controls

        return controls.main(sys.argv[2:])
    if sys.argv[1:2] == ["kernels"]:
        from bench import kernels

        return kernels.main(sys.argv[2:])
    RESULTS.mkdir(exist_ok=True)
    untrusted_python = os.environ["UNTRUSTED_PYTHON"]
    site = make_site()
    print("submit → finished, beside the floor that the kernel charges", flush=True)
    with start(site.argv, ready=f"^ready {site.url}$", deadline_s=START_S, env=site.env, cwd=ROOT):
        run(sys.executable, "latency.py", site.url, untrusted_python, str(ROUNDS))
    if sys.argv[1:2] == ["latency"]:
        return
    print("the price of each layer of the sandbox", flush=True)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as stage:  # below /tmp it would be shown to sessions at a price
        lockdown(Path(stage), untrusted_python)
    if is_installed("sage"):
        print("cells of Sage", flush=True)
        sage.main([])


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
