"""Run Voilà, whose pages hold live controls, with one page, and take the slider on it in hand."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import unescape
from pathlib import Path
from typing import Any

import requests

from bench.hands import JupyterHand
from harness.kernel_sockets import KernelClient
from harness.processes import start
from harness.server import free_port

START_S = 60.0
_KERNEL = re.compile(r'"kernelId":\s*"([0-9a-f-]{36})"')


@contextmanager
def voila(python: str, code: str) -> Iterator[str]:
    """Serve a notebook with one cell; give the address of its page. ``python``: one that has voila and ipykernel."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, **{f"JUPYTER_{name}_DIR": f"{home}/{name}" for name in ("CONFIG", "DATA", "RUNTIME")}}
        cell: dict[str, Any] = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [],
                                "source": code}  # fmt: skip
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        notebook = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (Path(home) / "page.ipynb").write_text(json.dumps(notebook))
        argv = [
            python, "-m", "voila", f"--port={port}", "--no-browser", "--Voila.ip=127.0.0.1", "--token=",
            "--show_tracebacks=True", f"--Voila.root_dir={home}",
        ]  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        with start(argv, ready=lambda: _answers(url), deadline_s=START_S, env=env, cwd=home):
            yield url


def _answers(url: str) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(f"{url}/voila/static/main.js", timeout=5).status_code < 500
    return False


def voilas(url: str) -> JupyterHand:
    """Open the page as a reader does; return the hand of its slider."""
    page = unescape(requests.get(f"{url}/voila/render/page.ipynb", timeout=START_S).text)
    found = _KERNEL.search(page)
    if found is None:
        raise SystemExit(f"Voilà's page names no kernel: {page[:2000]}")
    socket = KernelClient(url).open(found[1])
    return JupyterHand("Voilà's", socket, page)
