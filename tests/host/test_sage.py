"""Sage is served beside Python as ``make sage`` leaves it."""

from __future__ import annotations

import json
import subprocess
import urllib.request

import pytest

from harness.languages import environments, language_python
from harness.server import ROOT
from host.accounts import UNTRUSTED

pytestmark = pytest.mark.sage
TIMEOUT_S = 60


def ask(url: str, body: dict | None = None) -> dict:
    """Return an answer of the server."""
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return json.load(answer)


def test_every_language_of_the_settings_is_available(server) -> None:
    languages = {language["name"]: language for language in ask(f"{server.url}/languages")["languages"]}
    assert all(language["available"] for language in languages.values())
    pinned = f"passagemath-standard=={languages['sage']['version']}"
    assert pinned in (ROOT / "requirements" / "sage.in").read_text().splitlines()


@pytest.mark.parametrize(("language", "hidden"), [("python", "sage"), ("sage", "untrusted")])
def test_a_session_sees_the_environment_of_its_own_language_alone(server, language: str, hidden: str) -> None:
    code = f"import os, sys; print(os.path.exists({str(environments() / hidden)!r}), os.path.exists(sys.prefix))"
    computation = ask(f"{server.url}/computations?wait=30", {"code": code, "language": language})
    assert "False True" in str(computation["messages"])


@pytest.mark.root
def test_the_untrusted_account_can_read_sage_and_not_change_it() -> None:
    drop = ["setpriv", f"--reuid={UNTRUSTED}", f"--regid={UNTRUSTED}", "--init-groups", "--reset-env", "--"]
    python = language_python("sage")
    subprocess.run([*drop, python, "-c", "import sage.env"], check=True)
    writable = subprocess.check_output(
        [*drop, "find", environments() / "sage", "!", "-type", "l", "-writable"], text=True
    )
    assert writable == ""
    unreadable = subprocess.check_output([*drop, "find", environments() / "sage", "!", "-readable"], text=True)
    assert unreadable == ""
