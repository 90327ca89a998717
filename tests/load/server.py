"""The server under load: one that is started for it, or one that runs already."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from tests.conftest import ROOT, START_S, make_site
from tests.load.options import BadOption
from tests.processes import start

ANSWER_S = 10.0


@contextmanager
def running(url: str, say: Callable[[str], None]) -> Iterator[tuple[str, int | None]]:
    """Give the address of a ready server and, if it was started here, the id of its process. Raises BadOption."""
    if url:
        check(url)
        yield url, None
        return
    site = make_site()
    say(f"starting a server with default settings on port {site.port}")
    try:
        with start(site.argv, ready=f"^ready {site.url}$", deadline_s=START_S, env=site.env, cwd=ROOT) as process:
            yield site.url, process.pid
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


def _reasons(answer: requests.Response) -> str:
    try:
        body = answer.json()
        return "; ".join(map(str, body["reasons"]))
    except (ValueError, KeyError, TypeError):
        return "it does not say why"
