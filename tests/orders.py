"""Gives a running server the operator's orders, as the operator types them."""

from __future__ import annotations

import os
import subprocess
import sys

import settings as settings_file
from harness.server import ROOT, Server


def order(server: Server, *arguments: str) -> str:
    """Run ``python -m store`` with the settings of a server; return what it says."""
    env = {**os.environ, settings_file.ENVIRONMENT_NAME: str(server.data / "singlecell_config.py")}
    argv = [sys.executable, "-m", "store", *arguments]
    return subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
