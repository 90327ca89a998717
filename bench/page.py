"""Measure what a page with one cell costs its reader, beside Thebe's and SageMathCell's, in one browser, in turns.

``python -m bench page --server URL --thebe DIR --sagecell DIR --jupyter PYTHON [--rounds N]`` prints a table and writes
``bench/results/page.json``. Thebe: the unpacked npm package. SageMathCell: a checkout with its built
``static/embedded_sagecell.js``. Jupyter: a Python with jupyter_server and ipykernel, for Thebe's kernels. How to get
them is in docs/embedding.md. What is left out is not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, Page, sync_playwright

from bench.peers import ANSWER, Peer, Site, ours, sagemathcell, thebe
from harness import chromium
from harness.processes import start
from harness.server import ROOT, free_port

TOKEN = "bench"
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}  # "slow 4G"
DEADLINE_MS = 60_000
# Statistics and formula fonts from elsewhere are not found, at once: nobody should wait for a network.
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
KERNEL_START_S = 60.0
WHEN = """condition => new Promise(done => {
  const look = () => eval(condition) ? done(performance.now()) : requestAnimationFrame(look); look() })"""
CLICK = """([button, output, answer]) => new Promise(done => {
  const begun = performance.now(); eval(button).click();
  const look = () => eval(output).includes(answer) ? done(performance.now() - begun) : requestAnimationFrame(look);
  look() })"""


@contextmanager
def jupyter_server(python: str) -> Iterator[str]:
    """Run a Jupyter server that any page may use; give its address."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, **{f"JUPYTER_{name}_DIR": f"{home}/{name}" for name in ("CONFIG", "DATA", "RUNTIME")}}
        argv = [
            python, "-m", "jupyter_server", f"--port={port}", "--no-browser", "--allow-root", "--ip=127.0.0.1",
            f"--IdentityProvider.token={TOKEN}", "--ServerApp.allow_origin=*", "--ServerApp.disable_check_xsrf=True",
            f"--ServerApp.root_dir={home}",
        ]  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        with start(argv, ready=lambda: _answers(f"{url}/api"), deadline_s=KERNEL_START_S, env=env, cwd=home):
            yield url


def _answers(url: str) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(url, timeout=5).ok
    return False


def visit(browser: Browser, address: str, peer: Peer, slow: bool) -> dict[str, float]:
    """Open the page in a fresh browser profile and run its cell; return bytes and milliseconds."""
    context = browser.new_context()
    context.set_default_timeout(DEADLINE_MS)
    page = context.new_page()
    received = _count_bytes(page, slow)
    page.goto(address, wait_until="commit")
    found = {"usable_ms": page.evaluate(WHEN, peer.usable)}
    page.wait_for_load_state("load")
    found["bytes"] = sum(received)
    if peer.warm and not slow:
        found["ready_ms"] = page.evaluate(WHEN, peer.warm) if peer.warm != "true" else found["usable_ms"]
        found["output_ms"] = page.evaluate(CLICK, [peer.button, peer.output, ANSWER])
    context.close()
    return found


def _count_bytes(page: Page, slow: bool) -> list[int]:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    if slow:
        session.send("Network.emulateNetworkConditions", SLOW)
    received: list[int] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    return received


def measure(browser: Browser, pages: list[tuple[str, Peer]], rounds: int) -> dict[str, dict[str, float]]:
    """Return medians for each page, measured in turns."""
    seen: dict[str, dict[str, list[float]]] = {peer.name: {} for _, peer in pages}
    for _ in range(rounds):
        for address, peer in pages:
            for prefix, slow in (("", False), ("slow_", True)):
                for name, value in visit(browser, address, peer, slow).items():
                    seen[peer.name].setdefault(prefix + name, []).append(value)
    return {name: {key: statistics.median(values) for key, values in found.items()} for name, found in seen.items()}


def show(table: dict[str, dict[str, float]]) -> None:
    """Print a line for each page."""
    columns = ["bytes", "usable_ms", "slow_usable_ms", "ready_ms", "output_ms"]
    print(f"{'':14}" + "".join(f"{column:>16}" for column in columns))
    for name, found in table.items():
        print(f"{name:14}" + "".join(f"{found[key]:16.0f}" if key in found else f"{'-':>16}" for key in columns))
    for name, found in table.items():
        ratios = {key: found[key] / table["ours"][key] for key in columns if key in found}
        print(f"{name:12}/o" + "".join(f"{ratios[key]:16.1f}" if key in ratios else f"{'-':>16}" for key in columns))


def main(arguments: list[str]) -> None:
    """Measure what is there."""
    parser = argparse.ArgumentParser(prog="python -m bench page", description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True, help="address of a running server of ours")
    parser.add_argument("--thebe", type=Path, help="unpacked npm package")
    parser.add_argument("--jupyter", help="Python with jupyter_server and ipykernel")
    parser.add_argument("--sagecell", type=Path, help="checkout with its bundle built")
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args(arguments)
    folders: dict[str, Path] = {"ours": ROOT}
    peers = [ours(asked.server)]
    with ExitStack() as ending:
        if asked.thebe and asked.jupyter:
            folders["thebe"] = asked.thebe / "lib"
            peers.append(thebe(ending.enter_context(jupyter_server(asked.jupyter)), TOKEN))
        if asked.sagecell:
            folders["sagecell"] = asked.sagecell
            peers.append(sagemathcell())
        peers += [peer.plotting for peer in peers if peer.warm]
        site = Site(folders)
        pages = [(site.put(peer), peer) for peer in peers]
        playwright = ending.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=[*chromium.OPTIONS, ALONE])
        measure(browser, pages, 1)  # the first visit of each is the operating system's, not theirs
        table = measure(browser, pages, asked.rounds)
        print(f"{asked.rounds} rounds in turns, medians; {platform.machine()}, {os.cpu_count()} cores, "
              f"chromium {browser.version}, load {os.getloadavg()[0]:.1f}")  # fmt: skip
        show(table)
        results: dict[str, Any] = {"rounds": asked.rounds, "browser": browser.version, "median": table}
        (ROOT / "bench/results/page.json").write_text(json.dumps(results, indent=1) + "\n")
        browser.close()
