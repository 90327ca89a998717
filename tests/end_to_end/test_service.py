"""POST /service through the whole server: what code prints, leaves and costs."""

from __future__ import annotations

from typing import Any

import requests


def ask(server, code: str, **fields: str) -> dict[str, Any]:
    """Return what is answered to code in Python."""
    answer = requests.post(f"{server.url}/service", data={"code": code, "language": "python", **fields}, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_request_brings_all_that_its_code_said_made_and_was(server):
    code = "import sys\nprint('ü' * 3)\nprint('w', file=sys.stderr)\nopen('made.txt', 'w').write('x' * 9)\n{'a': 1}"
    found = ask(server, code, value="true", files="true", user_expressions='{"n": "1 + 1", "no": "nope"}')
    assert (found["success"], found["stdout"], found["stderr"]) == (True, "üüü\n", "w\n")
    assert found["value"]["text/plain"] == "{'a': 1}"
    [file] = found["files"]
    assert (file["name"], file["size"]) == ("made.txt", 9)
    assert requests.get(file["url"], timeout=60).content == b"x" * 9
    values = found["execute_reply"]["user_expressions"]
    assert values["n"]["data"]["text/plain"] == "2" and values["no"]["ename"] == "NameError"


def test_code_that_fails_asks_or_uses_too_much_has_no_success_and_what_it_printed(server):
    found = ask(server, "print('before')\n1 / 0")
    assert (found["success"], found["stdout"]) == (False, "before\n")
    assert found["execute_reply"]["ename"] == "ZeroDivisionError" and "stderr" not in found
    assert ask(server, "input()")["execute_reply"]["ename"] == "StdinNotImplementedError"
    found = ask(server, "print('takes', flush=True)\nkept = []\nwhile True: kept.append(bytearray(50_000_000))")
    assert (found["success"], found["stdout"]) == (False, "takes\n")
