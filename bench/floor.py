"""Measure the floor: fork a warmed IPython, run ``1+1`` in the child, wait for its end. A line in, seconds out."""

from __future__ import annotations

import gc
import os
import sys
import time

from IPython.core.interactiveshell import InteractiveShell


def main() -> None:
    """Answer each line of standard input with the seconds that one forked cell took."""
    InteractiveShell.history_manager = None  # type: ignore[assignment]
    shell = InteractiveShell.instance()
    shell.displayhook.write_output_prompt = shell.displayhook.write_format_data = lambda *_: None  # type: ignore[method-assign]
    devnull = os.open(os.devnull, os.O_WRONLY)
    for _ in range(5):
        one_cell(shell, devnull)
    gc.collect()
    gc.freeze()
    for _line in sys.stdin:
        print(one_cell(shell, devnull), flush=True)


def one_cell(shell: InteractiveShell, devnull: int) -> float:
    """Return how long a fork, a cell and the child's end took, in seconds."""
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.dup2(devnull, 1)
        shell.run_cell("1+1", store_history=False)
        os._exit(0)
    os.waitpid(pid, 0)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
