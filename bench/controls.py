"""Measure a slider that a hand drags: how late its outputs come, what the database is asked, and what is left of it.

``python -m bench controls [SECONDS] [--jupyter PYTHON] [--voila PYTHON]`` starts a server and moves a slider at 60 Hz,
for a function that prints, one that draws, and one of Sage that plots where Sage is installed; then the same sliders on
a Jupyter server, as Thebe moves them, and on a page of Voilà's. As pages do, it sends the latest value when the last
one was answered. Then it opens many interacts and leaves them alone, as pages that are seen and not touched. Writes
``controls.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from pymongo import MongoClient
from pymongo.database import Database

from bench.commands import post, profiled
from bench.hands import TURNS, Hand, OurHand, thebes
from bench.idle_controls import IDLE, idle, watched
from bench.latency import row
from bench.page import TOKEN, jupyter_server
from bench.voila import voila, voilas
from harness.languages import is_installed
from harness.server import Server, serve
from harness.usage import cpu_by_part_s, sessions_group
from store import address

RESULTS = Path(__file__).parent / "results"
ALONE_S = 3.0  # for the cells of others, with and without a drag beside them
SESSIONS, SETTLE_S = 8, 6.0  # that memory is measured by
# Each cell prints the slider's model, and with each move how long its function took.
SLIDER = """
import time
from ipywidgets import IntSlider, interact
{setup}
def moved(x):
    began = time.perf_counter()
    function(x)
    print("took", time.perf_counter() - began)
slider = IntSlider(1, 1, 5000)
print("model", slider.model_id)
interact(moved, x=slider)
"""
PRINTS = SLIDER.format(setup="function = print")
DRAWS = SLIDER.format(
    setup="""
import matplotlib.pyplot as plt, numpy as np
xs = np.linspace(0, 10, 500)
def function(value):
    plt.figure()
    plt.plot(xs, np.sin(xs * value / 20))
    plt.show()
"""
)
PLOTS_IN_SAGE = """
import time
t = var("t")
@interact
def moved(x=slider(1, 5000, 1)):
    began = time.perf_counter()
    show(plot(sin(t * x / 20), (t, 0, 10)))
    print("took", time.perf_counter() - began)
print("model", moved._controls["x"].model_id)
"""
CELLS = {"prints": (PRINTS, "python"), "draws": (DRAWS, "python"), "plots in Sage": (PLOTS_IN_SAGE, "sage")}


def documents(database: Database[dict[str, Any]]) -> int:
    """Return how many documents of computations, messages and files there are."""
    return sum(database[name].count_documents({}) for name in ("computations", "messages", "files.files"))


def others(http: requests.Session, url: str, is_over: Callable[[], bool]) -> list[float]:
    """Run short cells of others until it is over; return their seconds."""
    times_s: list[float] = []
    while not is_over() or not times_s:
        began = time.perf_counter()
        post(http, url)
        times_s.append(time.perf_counter() - began)
        time.sleep(0.1)
    return times_s


def answered(hand: Hand, seconds: float) -> dict[str, Any]:
    """Return how soon a slider's moves are answered, one by one and dragged."""
    result: dict[str, Any] = {"a move, ms beside its function": row(list(hand.one_by_one()))}
    late_s, outputs = hand.drag(seconds)
    return {**result, "position to output, ms": row(late_s), "outputs a second": round(outputs / seconds, 1)}


def measure(
    server: Server, database: Database[dict[str, Any]], code: str, language: str, seconds: float
) -> dict[str, Any]:
    """Return the figures of one function."""
    pids, group = {"server": server.process.pid}, sessions_group(server.data)
    with requests.Session() as http, requests.Session() as other, ThreadPoolExecutor(1) as beside:
        hand = OurHand(http, server.url, code, language)
        before, cpu_before = documents(database), cpu_by_part_s(pids, group)
        result = answered(hand, seconds)
        moves, cpu = TURNS + result["outputs a second"] * seconds, cpu_by_part_s(pids, group)
        each_ms = {part: round(1000 * (cpu[part] - cpu_before.get(part, 0.0)) / moves, 2) for part in cpu}
        result |= {"documents that all moves left": documents(database) - before, "CPU ms a move": each_ms}
        with profiled(database) as counts:
            _late, outputs = hand.drag(2.0)
        result["commands a move"] = round(sum(counts.values()) / outputs, 1)
        nothing = beside.submit(time.sleep, ALONE_S)
        alone_s = others(other, server.url, nothing.done)
        dragging = beside.submit(hand.drag, ALONE_S)
        result["cell of another, ms"] = row(alone_s)
        result["the same beside a drag, ms"] = row(others(other, server.url, dragging.done))
        hand.leave()
        result["MiB a session"] = memory_mib(http, server, code, language)
    return result


def memory_mib(http: requests.Session, server: Server, code: str, language: str) -> float:
    """Return the memory that one more session with this cell takes."""
    pids, group = {"server": server.process.pid}, sessions_group(server.data)
    time.sleep(SETTLE_S)
    empty = watched(pids, group, lambda: time.sleep(SETTLE_S))
    hands = [OurHand(http, server.url, code, language) for _ in range(SESSIONS)]
    for hand in hands:
        hand.took_s(2)
    time.sleep(SETTLE_S)  # the workers that they have taken are replaced
    full = watched(pids, group, lambda: time.sleep(SETTLE_S))
    for hand in hands:
        hand.leave()
    return round((full.memory_bytes - empty.memory_bytes) / SESSIONS / 2**20, 1)


def peers(jupyter: str | None, with_voila: str | None, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the figures of the same sliders in kernels of Jupyter's: a title, and the figures."""
    for name, (code, language) in CELLS.items():
        if language != "python":
            continue
        if jupyter:
            with jupyter_server(jupyter) as url:
                yield f"Thebe's: {name}", answered(thebes(url, TOKEN, code), seconds)
        if with_voila:
            with voila(with_voila, code) as url:
                yield f"Voilà's: {name}", answered(voilas(url), seconds)


def main(arguments: list[str]) -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="bench controls")
    parser.add_argument("seconds", type=float, nargs="?", default=10.0, help="of each drag")
    parser.add_argument("--jupyter", help="a Python with jupyter_server, ipykernel, ipywidgets and matplotlib")
    parser.add_argument("--voila", help="a Python with voila, ipykernel, ipywidgets and matplotlib")
    chosen = parser.parse_args(arguments)
    results: dict[str, Any] = {}

    def tell(title: str, figures: dict[str, Any]) -> None:
        results[title] = figures
        print(f"\n{title}")
        print("\n".join(f"  {what}: {figure}" for what, figure in figures.items()), flush=True)

    languages = [language for language in ("python", "sage") if is_installed(language)]
    with serve("", LANGUAGES=",".join(languages)) as server:
        database = MongoClient[dict[str, Any]](address.uri(server.data / "mongo"))["singlecell"]
        for name, (code, language) in CELLS.items():
            if language in languages:
                tell(f"a slider whose function {name}", measure(server, database, code, language, chosen.seconds))
    for title, figures in peers(chosen.jupyter, chosen.voila, chosen.seconds):
        tell(title, figures)
    tell(f"{IDLE} interacts that nobody touches", idle())
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "controls.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
