"""JupyterLab and Voilà run notebooks here, when their gateway is this server; and Jupyter's own tests of kernels pass.

They are in an environment of their own, which is made when it is first needed.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page

from harness.processes import Process
from harness.server import free_port
from tests.browser.sight import expect
from tests.environments import programs

START_MS = 120_000  # JupyterLab's page is 100 MB of modules
# Its program, and then its page, may take so long each.
pytestmark = pytest.mark.timeout(600)
SLIDER = """
import ipywidgets
slider, label = ipywidgets.IntSlider(value=3), ipywidgets.Label()
slider.observe(lambda change: setattr(label, 'value', f'square {change["new"] ** 2}'), 'value')
display(slider, label)
"""
CODES = (
    "print('hello from', 6 * 7)",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2, 3]);",
    "x = input('who? ')\nprint('hi', x)",
    "1 / 0",
    "while True: pass",
    "'x' in globals()",
)


@pytest.fixture(scope="module")
def jupyter() -> Path:
    """The directory of Jupyter's programs."""
    return programs("jupyter")


@dataclass(frozen=True)
class Lab:
    """A Jupyter server whose kernels are ours. ``root``: the directory of its notebooks."""

    address: str
    root: Path
    process: Process


@pytest.fixture(scope="module")
def lab(jupyter: Path, server, tmp_path_factory) -> Iterator[Lab]:
    """A server that is about to start: it takes longer than any test, of which one has no need of it yet."""
    port, root = free_port(), tmp_path_factory.mktemp("jupyter")
    argv = [
        str(jupyter / "jupyter"), "lab", f"--port={port}", "--no-browser", "--allow-root", "--IdentityProvider.token=t",
        f"--gateway-url={server.url}", "--GatewayClient.auth_token=a-token-of-this-lab",
        f"--ServerApp.root_dir={root}", "--ServerApp.jpserver_extensions={'voila.server_extension': True}",
    ]  # fmt: skip
    own = str(root)
    env = {**os.environ, "HOME": own, "JUPYTER_CONFIG_DIR": own, "JUPYTER_DATA_DIR": own}
    process = Process(argv, env, root)
    yield Lab(f"http://127.0.0.1:{port}", root, process)
    process.stop()


@pytest.fixture
def opened(lab: Lab, page: Page) -> Iterator[Callable[..., None]]:
    """Open a notebook of these codes, in a folder of its own."""
    lab.process.wait_for_line("is running at", START_MS / 1000)

    def opened(path: str, *codes: str) -> None:
        cells = [{"cell_type": "code", "id": f"c{number}", "metadata": {}, "execution_count": None, "outputs": [],
                  "source": code} for number, code in enumerate(codes)]  # fmt: skip
        kernel = {"name": "python", "display_name": "Python", "language": "python"}
        notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        folder = Path(tempfile.mkdtemp(prefix="notebook-", dir=lab.root))
        (folder / "a.ipynb").write_text(json.dumps(notebook))
        page.goto(f"{lab.address}/{path}/{folder.name}/a.ipynb?token=t", timeout=START_MS)

    yield opened
    page.goto("about:blank")


@pytest.mark.usefixtures("lab")  # which starts meanwhile
def test_jupyters_own_tests_of_kernels_pass(jupyter, server):
    argv = [str(jupyter / "python"), str(Path(__file__).with_name("jupyter_kernel_checks.py")), server.url]
    tested = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert tested.returncode == 0, tested.stderr


def test_jupyterlab_runs_a_notebook_asks_stops_and_begins_anew(opened, page):
    opened("lab/tree", *CODES)
    expect(page.locator("#jp-bottom-panel")).to_contain_text("Python | Idle", timeout=START_MS)
    cells = page.locator(".jp-CodeCell")

    def run(number: int) -> Locator:
        cells.nth(number).locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        return cells.nth(number).locator(".jp-OutputArea").first

    expect(run(0)).to_contain_text("hello from 42")
    expect(run(1).locator("img")).to_have_count(1)
    asks = run(2)
    page.locator(".jp-Stdin-input").fill("Emmy")
    page.locator(".jp-Stdin-input").press("Enter")
    expect(asks).to_contain_text("hi Emmy")
    expect(run(3)).to_contain_text("ZeroDivisionError")
    endless = run(4)
    expect(cells.nth(4).locator(".jp-InputPrompt")).to_contain_text("*")
    for key in ("Escape", "i", "i"):
        page.keyboard.press(key)
    expect(endless).to_contain_text("KeyboardInterrupt")
    expect(run(5)).to_contain_text("True")
    for key in ("Escape", "0", "0"):
        page.keyboard.press(key)
    page.locator(".jp-Dialog button", has_text="Restart").click()
    expect(page.locator("#jp-bottom-panel")).to_contain_text("Python | Idle")
    expect(run(5)).to_contain_text("False")


def test_voila_shows_a_notebook_whose_control_moves(opened, page):
    opened("voila/render", CODES[0], SLIDER)
    expect(page.locator("body")).to_contain_text("hello from 42", timeout=START_MS)
    page.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("body")).to_contain_text("square 16")
