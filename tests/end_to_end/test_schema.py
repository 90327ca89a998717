"""The server answers what openapi.json allows, and what it forbids, as it says: schemathesis finds nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TIMEOUT_S = 300  # it takes half a minute; a busy machine is slower


@pytest.mark.timeout(TIMEOUT_S + 20)
def test_schemathesis_finds_nothing(server, tmp_path):
    program = shutil.which("schemathesis", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.fail("no schemathesis here: it comes with the environment for tests")
    argv = [program, "--no-color", "--config-file", HERE / "schemathesis.toml", "run", f"{server.url}/openapi.json"]
    env = {**os.environ, "PYTHONPATH": str(HERE), "SCHEMATHESIS_HOOKS": "schemathesis_hooks"}
    ran = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert ran.returncode == 0, ran.stdout[-8000:]
    assert re.search(r"Tested: (\d\d)\n", ran.stdout), ran.stdout[-8000:]
