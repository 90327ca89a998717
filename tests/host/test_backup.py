"""A server that lost its database goes on from a backup that was made while cells ran."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.processes import start, wait_for
from harness.server import ROOT, START_S, Site
from settings import ENVIRONMENT_NAME
from singlecell_client import Client, Refused, Result
from tests.device.test_upgrade import UNTIL_INTERRUPTED

ORDER_S = 120.0


def order(site: Site, *arguments: str) -> str:
    """Give the server's operator's order; return what it says."""
    env = {**os.environ, ENVIRONMENT_NAME: str(site.data / "singlecell_config.py")}
    argv = [sys.executable, "-m", "store", *arguments]
    done = subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, timeout=ORDER_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def interrupt(client: Client, id: str, attempt: int) -> Result:
    """Interrupt the code of an attempt when it has begun; return what came of it."""
    messages = []
    for message in client.follow(id):
        messages.append(message)
        if message["attempt"] == attempt and "begun" in message["content"].get("text", ""):
            client.interrupt(id)
    return client.result(id, messages)


def test_a_server_goes_on_from_a_backup_made_while_cells_ran(own_site: Site, tmp_path: Path) -> None:
    client, backup = Client(own_site.url), str(tmp_path / "backup")
    with start(own_site.argv, ready=f"^ready {own_site.url}$", deadline_s=START_S, env=own_site.env, cwd=ROOT):
        done = client.run("print('done')")
        session = client.run("n = 1", keep=True).session
        running = client.submit(UNTIL_INTERRUPTED)["id"]
        wait_for(lambda: client.describe(running)["state"] == "running")
        assert "has all that was stored" in order(own_site, "backup", backup)
    for lost in (own_site.data / "mongo").iterdir():
        shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    assert "1 computations ran then" in order(own_site, "restore", backup)
    with start(own_site.argv, ready=f"^ready {own_site.url}$", deadline_s=START_S, env=own_site.env, cwd=ROOT):
        assert client.result(done.id, list(client.follow(done.id))).text == "done\n"
        again = interrupt(client, running, attempt=2)
        assert (again.state, again.text, client.describe(running)["attempt"]) == ("done", "begun\nbegun\nover\n", 2)
        with pytest.raises(Refused, match="ended"):
            client.run("n", session=session, keep=True)
        assert client.run("print(6 * 7)").text == "42\n"
