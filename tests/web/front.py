"""Run nginx with nginx.conf as it stands before web parts; only the places of its files are changed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from harness.languages import environments
from harness.processes import Process, start
from host import libraries
from tests.web.conftest import ROOT

LIBRARIES = environments() / libraries.DIRECTORY
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
UWSGI = Path(sys.executable).with_name("uwsgi")
START_S = 60.0
LACKING = "Debian's nginx (nginx-light) is not installed"


class Elsewhere(requests.adapters.HTTPAdapter):
    """Connects from another address of the loopback."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: object, **named: object) -> None:
        """Make the connections."""
        super().init_poolmanager(*args, source_address=(self._address, 0), **named)  # type: ignore[arg-type]


@contextmanager
def client_at(address: str) -> Iterator[requests.Session]:
    """Give a client at another address of the loopback."""
    with requests.Session() as http:
        http.mount("http://", Elsewhere(address))
        yield http


def placed(directory: Path, port: int) -> str:
    """Return nginx.conf with its places moved into a directory; every one of them has to be there."""
    text = (ROOT / "nginx.conf").read_text()
    places = {
        "user www-data;": "user root;" if os.geteuid() == 0 else "",
        "/run/nginx.pid": f"{directory}/nginx.pid",
        "/var/log/nginx/": f"{directory}/",
        "/var/lib/nginx/": f"{directory}/",
        "unix:/run/singlecell/": f"unix:{directory}/",
        "listen 80 default_server": f"listen 127.0.0.1:{port} default_server",
        "root /srv/singlecell": f"root {ROOT}",
        "alias /opt/singlecell/libraries": f"alias {LIBRARIES}",
    }
    for place, ours in places.items():
        assert place in text, place
        text = text.replace(place, ours)
    return text


@contextmanager
def run_nginx(directory: Path, text: str, url: str) -> Iterator[Process]:
    """Run nginx with this file until the block ends; a web part answers through it when the block begins."""
    (directory / "nginx.conf").write_text(text)
    argv = [str(NGINX), "-p", str(directory), "-c", str(directory / "nginx.conf"), "-g", "daemon off;"]
    with start(argv, ready=lambda: _answers(url), deadline_s=START_S) as process:
        yield process


def _answers(url: str) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(f"{url}/healthz", timeout=5).status_code == 200
    return False
