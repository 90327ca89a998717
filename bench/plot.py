"""Draw throughput and latency against clients, before and after, into ``docs/images/speed-clients.png``.

``python -m bench plot`` reads what ``python -m bench loops`` left. ``bench/drawing.py`` draws it in the environment
`untrusted`, which has matplotlib.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from bench.loops import CLIENTS, RESULT
from harness.processes import untrusted_python
from harness.server import ROOT

DRAWING = ROOT / "bench" / "drawing.py"
PICTURE = ROOT / "docs" / "images" / "speed-clients.png"
# Before the work on speed, on the same kind of machine; medians were noted of one client and of 64 alone.
BEFORE = {
    "cells_per_s": {"1": 35, "8": 50, "16": 50, "64": 58},
    "p50": {"1": 26, "64": 1100},
}


def after(table: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the two curves of a table that ``bench loops`` wrote, by the number of clients."""
    rows = {str(clients): table[f"closed, {clients} clients"] for clients in CLIENTS}
    return {
        "cells_per_s": {clients: row["cells_per_s"] for clients, row in rows.items()},
        "p50": {clients: row["ms"]["p50"] for clients, row in rows.items()},
    }


def main(_arguments: list[str]) -> None:
    """Draw the picture."""
    if not RESULT.exists():
        raise SystemExit("bench: plot draws what loops has measured; run python -m bench loops before")
    curves = {"before": BEFORE, "after": after(json.loads(RESULT.read_text()))}
    subprocess.run([untrusted_python(), DRAWING, PICTURE], input=json.dumps(curves), text=True, check=True)
    print(PICTURE)
