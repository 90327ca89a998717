"""POST /service in Sage, as SageMathCell's own probe and WeBWorK's macros ask it."""

from __future__ import annotations

import json
import random
from typing import Any

import requests

# What WeBWorK puts before an author's code, shortened to what its values need.
WEBWORK = """WEBWORK={}

def _webwork_safe_json(o):
    import json
    def default(o):
        if isinstance(o, sage.rings.integer.Integer):
            return int(o)
        if isinstance(o, (sage.rings.real_mpfr.RealLiteral, sage.rings.real_mpfr.RealNumber)):
            return float(o)
        if isinstance(o, SageObject):
            return repr(o)
        return json.JSONEncoder.default(self, o)
    return json.dumps(o, default=default)
"""


def ask(server, code: str | list[str], **fields: str) -> dict[str, Any]:
    """Return what is answered to code in the language that is taken where none is named."""
    data = {"code": code, "accepted_tos": "true", **fields}
    answer = requests.post(f"{server.url}/service", data=data, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_sagemathcell_s_probe_finds_the_server_well(server):
    first, second = (random.randrange(2**32) for _ in range(2))
    found = ask(server, f"a = {first}; b = {second}\nshow(plot(sin)); print(a + b)")
    assert found["success"] and int(found["stdout"]) == first + second


def test_webwork_gets_the_values_that_its_author_has_set(server):
    code = "WEBWORK['root'] = 2^10\nWEBWORK['x'] = 1.5\nWEBWORK['m'] = matrix([[1]])\n"
    asked = json.dumps({"WEBWORK": "_webwork_safe_json(WEBWORK)"})
    found = ask(server, f"set_random_seed(7)\n{WEBWORK}{code}", user_expressions=asked)
    text = found["execute_reply"]["user_expressions"]["WEBWORK"]["data"]["text/plain"]
    assert json.loads(text.removeprefix("'").removesuffix("'")) == {"root": 1024, "x": 1.5, "m": "[1]"}
    assert found["success"] and found["execute_reply"]["status"] == "ok"


def test_an_error_and_a_dialect_and_a_value(server):
    found = ask(server, "1/0")
    assert (found["success"], found["execute_reply"]["ename"]) == (False, "ZeroDivisionError")
    found = ask(server, "2^100", value="true")
    assert found["value"]["text/plain"] == str(2**100) and "stdout" not in found
    assert "2432902008176640000" in json.dumps(ask(server, "Factorial(20);", language="gap", value="true"))
