"""IPython's shell as cells meet it: pages, the next input, magics, awaiting."""

from __future__ import annotations

import pytest

from tests.untrusted.kernel.child import LocalProcess, plain


@pytest.mark.parametrize(
    ("code", "said"), [("len?", "Docstring"), ("import json\njson.loads??", "def loads"), ("nope?", "not found")]
)
def test_help_comes_as_a_page(child: LocalProcess, code: str, said: str) -> None:
    ran = child.run(code)
    assert said in ran.text() + "".join(plain(page["data"]["text/plain"]) for page in ran.reply["payload"])


def test_code_can_offer_the_next_input(child: LocalProcess) -> None:
    assert child.run("get_ipython().set_next_input('1+1')").reply["payload"] == [
        {"source": "set_next_input", "text": "1+1", "replace": False}
    ]
    assert child.run("1").reply["payload"] == []


def test_magics_work(child: LocalProcess) -> None:
    assert "per loop" in child.run("%timeit -n1 -r1 pass").text()
    assert "Wall time" in child.run("%%time\n1").text()
    bash = child.run("%%bash\necho out; echo err >&2")
    assert (bash.text(), bash.text("stderr")) == ("out\n", "err\n")
    assert child.run("!exit 3\n_exit_code").only("execute_result")["data"]["text/plain"] == "3"
    assert child.run("x = 'a b'\nfiles = !echo {x}\nfiles").only("execute_result")["data"]["text/plain"] == "['a b']"
    assert child.run("%%writefile mine.py\nvalue = 7").text() == "Writing mine.py\n"
    assert child.run("import mine\nmine.value").only("execute_result")["data"]["text/plain"] == "7"
    assert child.run("%run mine.py\nvalue").only("execute_result")["data"]["text/plain"] == "7"
    assert child.run("import os\nhome = os.getcwd()\n%cd /\nos.getcwd()").text() == "/\n"
    child.run("os.chdir(home)")
    assert child.run("%who str").text().split() == ["home", "x"]
    assert "UsageError" in child.run("%nope").text("stderr")


def test_top_level_await_works_from_cell_to_cell(child: LocalProcess) -> None:
    child.run("import asyncio\nasync def f():\n    await asyncio.sleep(0.001)\n    return 5")
    assert child.run("await f()").only("execute_result")["data"]["text/plain"] == "5"
    assert child.run("t = asyncio.create_task(f())\nawait t").only("execute_result")["data"]["text/plain"] == "5"
    assert child.run("asyncio.run(f())").only("execute_result")["data"]["text/plain"] == "5"
    assert child.run("await f()").only("execute_result")["data"]["text/plain"] == "5"
