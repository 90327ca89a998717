"""A student sees what a Python cell prints, returns, raises and asks."""

from __future__ import annotations

import base64
import re

import pytest


def test_an_expression_has_its_value_as_result(client):
    outcome = client.run("6 * 7")
    assert (outcome.state, outcome.result) == ("done", "42")


def test_a_normal_run_is_busy_input_output_reply_idle(client):
    outcome = client.run("print('hello')\n1 + 1")
    kinds = [message["header"]["msg_type"] for message in outcome.messages]
    assert kinds == ["status", "execute_input", "stream", "execute_result", "execute_reply", "status"]
    assert outcome.text() == "hello\n"
    assert outcome.of_type("execute_reply")[0]["status"] == "ok"


def test_wait_brings_the_whole_conversation_with_the_submission(client):
    answer = client.http.post(f"{client.url}/computations?wait=30", json={"code": "print('at once')"}, timeout=60)
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(body["id"])
    assert body["state"] == "done"
    assert [m["content"]["text"] for m in body["messages"] if m["header"]["msg_type"] == "stream"] == ["at once\n"]


def test_standard_output_and_error_arrive_apart_and_in_order(client):
    code = "import sys\nfor i in range(3):\n    print('out', i)\n    print('err', i, file=sys.stderr)"
    streams = [(c["name"], c["text"]) for c in client.run(code).of_type("stream")]
    assert streams == [pair for i in range(3) for pair in (("stdout", f"out {i}\n"), ("stderr", f"err {i}\n"))]


def test_output_streams_while_the_code_still_runs(client):
    computation = client.submit("print('first', flush=True)\ninput('go on? ')\nprint('second')")["id"]
    seen = client.until_asked(computation)
    assert "first\n" in [m["content"].get("text") for m in seen]
    assert client.get(computation)["state"] == "running"
    client.answer(computation, "yes")
    assert client.finish(computation).text() == "first\nsecond\n"


def test_a_traceback_comes_as_error_and_names_the_cell_not_our_files(client):
    outcome = client.run("def f(x):\n    return 1 / x\nf(0)")
    assert outcome.state == "done"
    assert outcome.error["ename"] == "ZeroDivisionError"
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(outcome.error["traceback"]))
    assert "Cell In[1]" in text and "untrusted" not in text and "singlecell" not in text
    assert outcome.of_type("execute_reply")[0]["status"] == "error"


def test_a_figure_of_matplotlib_comes_as_png(client):
    outcome = client.run("import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);")
    (content,) = outcome.of_type("display_data")
    assert base64.b64decode(content["data"]["image/png"]).startswith(b"\x89PNG\r\n")


def test_rich_displays_carry_their_mime_bundles(client):
    outcome = client.run("import pandas as pd\nfrom IPython.display import display\ndisplay(pd.DataFrame({'a': [1]}))")
    (content,) = outcome.of_type("display_data")
    assert "<table" in content["data"]["text/html"] and "text/plain" in content["data"]


def test_sympy_results_carry_latex(client):
    (content,) = client.run("from sympy import *\nx = symbols('x')\nintegrate(x**2, x)").of_type("execute_result")
    assert "frac" in content["data"]["text/latex"]


@pytest.mark.parametrize("module", ["numpy", "matplotlib", "sympy", "pandas", "scipy"])
def test_the_scientific_libraries_are_there(client, module):
    assert client.run(f"import {module}\nprint({module}.__name__)").text() == f"{module}\n"


def test_unicode_passes_unchanged(client):
    text = "Σ∫ äöü 漢字 🐍 \u202eabc"
    assert client.run(f"print({text!r})\n{text!r}").text() == text + "\n"


def test_code_of_64_kib_runs(client):
    code = "x = 1\n" * 10922 + "x #"
    code += "a" * (65536 - len(code))
    assert len(code.encode()) == 65536
    assert client.run(code).result == "1"


def test_code_of_one_byte_more_is_refused_and_not_stored(client):
    answer = client.http.post(f"{client.url}/computations", json={"code": "#" * 65537}, timeout=30)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_output_of_subprocesses_and_of_c_is_captured_in_order(client):
    code = "import os\nprint('a')\nos.system('echo b')\nprint('c')\n!echo d"
    assert client.run(code).text() == "a\nb\nc\nd\n"


def test_a_million_small_prints_arrive_whole_and_in_order(client):
    outcome = client.run("for i in range(1000000): print(i)")
    assert outcome.state == "done"
    assert outcome.text() == "".join(f"{i}\n" for i in range(1000000))


def test_two_sessions_never_share_a_worker(client):
    client.run("leaked = 1\nopen('left.txt', 'w').write('x')\nopen('/tmp/left.txt', 'w').write('x')")
    code = "import os\nprint('leaked' in globals(), os.path.exists('left.txt'), os.path.exists('/tmp/left.txt'))"
    assert client.run(code).text() == "False False False\n"
