"""A language more is served by following docs/languages.md word for word."""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from harness.languages import environments
from harness.processes import Process, start, wait_for
from harness.server import ROOT, START_S, make_site
from host.errors import EXIT_SETTINGS

NOT_COPIED = (
    ".*", "tests", "bench", "harness", "docs", "frontend", "data", "node_modules", "__pycache__",
    "singlecell_config.py",
)  # fmt: skip
TIMEOUT_S = 60
# Beside it, a language that is not installed, and one that loads until a file says that it is done.
OTHERS = """
    "absent": {
        "label": "Absent", "mime": "text/x-absent", "extension": ".abs", "highlighting": "none",
        "environment": "absent", "install": "make absent",
    },
    "slow": {
        "label": "Slow", "mime": "text/x-slow", "extension": ".slow", "highlighting": "none",
        "environment": "untrusted", "install": "make run",
    },
}
"""
SLOW = """
import os, time
from untrusted.languages import Language

def load(_shell):
    while not os.path.exists({loaded!r}):
        time.sleep(0.02)

LANGUAGE = Language(name="slow", version=lambda: "2.0", set_up=load)
"""


@dataclass(frozen=True)
class Examples:
    """What the page says: files as (name, text), and by language a cell with what it prints."""

    files: list[tuple[str, str]]
    cells: dict[str, tuple[str, str]]

    @property
    def settings(self) -> str:
        """The configuration file, with the entries of all examples and of the other tests."""
        first, entry = (text for name, text in self.files if name == "singlecell_config.py")
        return f"{first.rstrip().removesuffix('}')}{entry}{OTHERS}"


def read_examples() -> Examples:
    """Return the examples of the page."""
    page = (ROOT / "docs" / "languages.md").read_text()
    cells = re.findall(r"\$ echo '(.*)' \| .* --language (\w+) -\n(.*)\n", page)
    return Examples(
        re.findall(r"`([\w./]+)`:\n\n```\w+\n(.*?)```", page, re.DOTALL),
        {language: (cell, printed) for cell, language, printed in cells},
    )


@dataclass(frozen=True)
class Serving:
    """A running server; ``loaded``: the file that the slow language waits for."""

    url: str
    process: Process
    loaded: Path


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with this language and the two others, from a checkout in which the page was followed."""
    checkout, site = tmp_path_factory.mktemp("languages") / "checkout", make_site()
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*NOT_COPIED))
    examples = read_examples()
    for name, text in examples.files:
        if name.startswith("untrusted/"):
            (checkout / name).parent.mkdir(exist_ok=True)
            (checkout / name).write_text(text)
    (checkout / "singlecell_config.py").write_text(examples.settings)
    loaded = site.data.with_suffix(".loaded")
    (checkout / "untrusted" / "languages" / "slow.py").write_text(SLOW.format(loaded=str(loaded)))
    argv = ["sh", str(checkout / "deploy" / "bootstrap.sh"), "run"]
    env = {**site.env, "LANGUAGES": "polish, absent, tally, slow", "PREFIX": str(environments())}
    try:
        with start(argv, ready=f"^ready {site.url}$", deadline_s=START_S, env=env, cwd=checkout) as process:
            yield Serving(site.url, process, loaded)
    finally:
        shutil.rmtree(site.data, ignore_errors=True)
        loaded.unlink(missing_ok=True)


@pytest.fixture
def url(serving: Serving) -> str:
    """The server's address."""
    return serving.url


def ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return an answer of the server."""
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def run(url: str, code: str, **fields: Any) -> dict[str, Any]:
    """Return a computation, in the first language of the server unless it names one, with its messages by type."""
    computation = ask(f"{url}/computations?wait=30", {"code": code, **fields})
    assert computation["language"] == fields.get("language", "polish")
    return computation | {message["header"]["msg_type"]: message["content"] for message in computation.pop("messages")}


def test_the_languages_that_are_not_named_are_left_out(url: str) -> None:
    polish, tally, absent, _slow = ask(f"{url}/languages")["languages"]
    assert (absent["name"], absent["available"], absent["install"]) == ("absent", False, "make absent")
    assert (polish["name"], polish["label"], polish["available"]) == ("polish", "Reverse Polish", True)
    assert re.fullmatch(r"3\.\d+\.\d+", polish["version"])
    assert (tally["label"], tally["packages"]) == ("Tally", {})


def test_a_language_that_is_not_installed_holds_nothing_up_and_says_what_installs_it(url: str) -> None:
    with pytest.raises(HTTPError) as refused:
        ask(f"{url}/computations", {"code": "1", "language": "absent"})
    assert refused.value.code == 422
    assert json.load(refused.value)["detail"].endswith("its owner can install it with: make absent")
    assert ask(f"{url}/readyz")["ready"]


def test_a_language_that_loads_slowly_holds_up_no_other_and_its_cells_wait_for_it(serving: Serving) -> None:
    def come() -> tuple[bool, bool]:
        slow = ask(f"{serving.url}/languages")["languages"][-1]
        return slow["available"], slow["expected"]

    waiting = ask(f"{serving.url}/computations", {"code": "6 * 7", "language": "slow"})
    assert run(serving.url, "3 4 +")["execute_result"]["data"]["text/plain"] == "7"
    assert ask(waiting["links"]["self"])["state"] == "queued" and come() == (False, True)
    serving.loaded.touch()
    assert ask(f"{waiting['links']['messages']}?wait=30")["messages"]
    serving.process.wait_for_line(r"^singlecell: slow 2\.0 is ready after \d+\.\d s$", TIMEOUT_S)
    wait_for(lambda: ask(waiting["links"]["self"])["state"] == "done" and come() == (True, False))
    assert serving.process.output == f"ready {serving.url}\n"


def test_a_cell_says_what_the_page_says(url: str) -> None:
    for language, (cell, printed) in read_examples().cells.items():
        assert run(url, cell, language=language)["execute_result"]["data"]["text/plain"] == printed


def test_a_kernel_of_ones_own_keeps_its_session_asks_and_says_its_errors(url: str) -> None:
    first = run(url, "3 4", language="tally", keep=True)
    later = {"session": first["session"], "keep": True, "language": "tally"}
    assert run(url, "5", **later)["execute_result"]["data"]["text/plain"] == "12"
    assert run(url, "five", **later)["error"]["ename"] == "ValueError"
    asking = ask(f"{url}/computations", {"code": "? 1", "stdin": True, **later})
    wait_for(lambda: "input_request" in str(ask(asking["links"]["messages"])["messages"]))
    ask(asking["links"]["input"], {"value": "30"})
    wait_for(lambda: ask(asking["links"]["self"])["state"] == "done")
    assert run(url, "0", **later)["execute_result"]["data"]["text/plain"] == "43"


def test_what_its_transformation_raises_is_the_error_of_the_cell(url: str) -> None:
    error = run(url, "3 +")["error"]
    assert (error["ename"], error["evalue"]) == ("SyntaxError", "+ is no number and has no two values before it")


def test_its_own_limits_hold_and_are_told(url: str) -> None:
    computation = run(url, "9 9 9 9 ^ ^ ^")
    assert (computation["state"], computation["error"]["evalue"]) == (
        "failed", "The cell was stopped: it used more than 1 seconds of CPU time.",
    )  # fmt: skip
    assert ask(f"{url}/limits")["languages"] == {"polish": {"cell_cpu_s": {"value": 1.0, "unit": "s"}}}


@pytest.mark.parametrize(
    ("languages", "sentence"),
    [
        ("cobol", "LANGUAGES names 'cobol'; there are python"),
        (",", "LANGUAGES names no language"),
        ("python,gap", "LANGUAGES names 'gap', which runs through 'sage'; name both"),
    ],
)
def test_a_language_that_there_is_not_is_said_in_one_sentence(own_site, languages: str, sentence: str) -> None:
    process = Process(own_site.argv, {**own_site.env, "LANGUAGES": languages}, ROOT)
    try:
        assert process.wait(TIMEOUT_S) == EXIT_SETTINGS
        assert process.output == "" and sentence in process.log.splitlines()[-1]
    finally:
        process.stop()
