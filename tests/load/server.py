"""Give the server under load: one that is started for it, or one that runs already."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from harness.processes import start
from harness.server import ROOT, START_S, make_site
from harness.usage import sessions_group
from tests.load.options import BadOption

ANSWER_S = 10.0


@dataclass(frozen=True)
class Server:
    """A ready server. If it was started here: its process, the control group of its sessions, its directory."""

    url: str
    pid: int | None = None
    group: Path | None = None
    data: Path | None = None


@contextmanager
def running(url: str, say: Callable[[str], None]) -> Iterator[Server]:
    """Give a ready server, for as long as the block lasts. Raises BadOption."""
    if url:
        check(url)
        yield Server(url)
        return
    site = make_site()
    say(f"starting a server with default settings on port {site.port}")
    try:
        with start(site.argv, ready=f"^ready {site.url}$", deadline_s=START_S, env=site.env, cwd=ROOT) as process:
            yield Server(site.url, process.pid, sessions_group(site.data), site.data)
    finally:
        shutil.rmtree(site.data, ignore_errors=True)


def check(url: str) -> None:
    """Find out whether cells can run there. Raises BadOption."""
    try:
        answer = requests.get(f"{url}/readyz", timeout=ANSWER_S, allow_redirects=False)
    except requests.Timeout:
        raise BadOption(f"the server at {url} does not answer within {ANSWER_S:g} s") from None
    except requests.RequestException:
        raise BadOption(
            f"no server answers at {url}; start it with make run, or leave URL= out: then one is started"
        ) from None
    if answer.status_code == 503:
        raise BadOption(f"the server at {url} is not ready (it answers 503): {_reasons(answer)}")
    if answer.status_code != 200:
        raise BadOption(f"what answers at {url} is no single-cell server: /readyz gives {answer.status_code}, not 200")


def save_computation(url: str, id: str, folder: Path) -> str:
    """Leave a computation and its messages in a folder; return what became of it, in words."""
    try:
        look = requests.get(f"{url}/computations/{id}", timeout=ANSWER_S).json()
        messages = requests.get(f"{url}/computations/{id}/messages", timeout=ANSWER_S).json()
    except (requests.RequestException, ValueError) as error:
        return f"the server does not tell: {type(error).__name__}"
    (folder / f"{id}.json").write_text(json.dumps([look, messages], indent=1))
    return f"{look.get('state')} {look.get('reason', '')}".strip()


def _reasons(answer: requests.Response) -> str:
    try:
        body = answer.json()
        return "; ".join(map(str, body["reasons"]))
    except (ValueError, KeyError, TypeError):
        return "it does not say why"
