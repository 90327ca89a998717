"""Measure the floor of Sage's cells: fork a warmed Sage, run a cell in the child, wait. Sage's interpreter runs it.

The cells to warm are the arguments; after that each line of standard input is a cell, and its seconds come out.
"""

from __future__ import annotations

import gc
import os
import sys
import time

import matplotlib

matplotlib.use("agg")
import sage.all
from sage.plot.graphics import Graphics
from sage.repl.preparse import preparse


def evaluate(code: str) -> None:
    """Evaluate one expression as far as text or a picture."""
    value = eval(preparse(code), dict(vars(sage.all)))
    if isinstance(value, Graphics):
        name = f"/tmp/floor-{os.getpid()}.png"
        value.save(name)
        os.remove(name)
    else:
        str(value)


def one_cell(code: str) -> float:
    """Return how long a fork, a cell and the child's end took, in seconds."""
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        evaluate(code)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if status:
        raise SystemExit(f"the floor failed: {code}")
    return time.perf_counter() - started


def main() -> None:
    """Warm every cell here, then answer."""
    for code in sys.argv[1:]:
        for _ in range(3):
            evaluate(code)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        print(one_cell(line.strip()), flush=True)


if __name__ == "__main__":
    main()
