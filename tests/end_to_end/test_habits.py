"""Students bring habits from notebooks and textbooks; none of them hangs, none is a surprise."""

from __future__ import annotations

import re
import threading

import pytest

from tests.client import of_type


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_breakpoint_can_be_worked_with(client):
    computation = client.submit("def f(x):\n    y = x + 1\n    breakpoint()\n    return y\nprint('result', f(1))")["id"]
    (asked,) = of_type(client.until_asked(computation), "input_request")
    assert "db" in asked["content"]["prompt"].lower()
    client.answer(computation, "p y * 100")
    client.until_asked(computation, 2)
    client.answer(computation, "c")
    outcome = client.finish(computation)
    assert outcome.state == "done" and "200" in outcome.text() and "result 2" in outcome.text()


def test_debug_after_an_exception_asks_and_quits(client):
    session = client.run("def f():\n    here = 7\n    1 / 0\nf()", keep=True).description["session"]
    computation = client.submit("%debug", session=session)["id"]
    client.until_asked(computation)
    client.answer(computation, "p here")
    client.until_asked(computation, 2)
    client.answer(computation, "q")
    outcome = client.finish(computation)
    assert outcome.state == "done" and "7" in plain(outcome.text())


def test_help_prints_and_does_not_page(client):
    outcome = client.run("help(len)", stdin=False)
    assert outcome.state == "done" and "number of items" in str(outcome.messages)


def test_reading_lines_from_standard_input_ends(client):
    outcome = client.run("import sys\nprint([line for line in sys.stdin], sys.stdin.read())", stdin=False)
    assert outcome.state == "done"


def test_a_program_that_reads_its_standard_input_gets_its_end(client):
    assert client.run("!cat\nprint('on')").text() == "on\n"
    assert client.run("import subprocess\nsubprocess.run(['cat'])\nprint('on')").text() == "on\n"


@pytest.mark.parametrize(
    "line", ["%pip install no-such-package", "!pip install no-such-package", "!curl -sS http://example.com"]
)
def test_what_needs_a_network_fails_and_does_not_hang(client, line):
    outcome = client.run(f"{line}\nprint('on')")
    assert outcome.state == "done" and outcome.text().endswith("on\n")


def test_a_task_of_one_cell_can_be_awaited_in_the_next(client):
    code = "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 'late'\n"
    code += "task = asyncio.create_task(f())\nawait asyncio.sleep(0)"
    session = client.run(code, keep=True).description["session"]
    assert client.run("await task", session=session).result == "'late'"


def test_asyncio_run_works_in_a_cell(client):
    assert client.run("import asyncio\nasync def f(): return 3\nasyncio.run(f())").result == "3"


def test_a_program_in_the_background_speaks_into_the_next_cell(client):
    code = "import subprocess\np = subprocess.Popen(['sh', '-c', 'read x; echo late'], stdin=subprocess.PIPE)"
    session = client.run(code, keep=True).description["session"]
    outcome = client.run("p.communicate(b'go\\n')\nprint('done')", session=session)
    assert sorted(outcome.text().split()) == ["done", "late"]


def test_a_fork_does_not_answer_twice(client):
    code = "import os\npid = os.fork()\nif pid == 0:\n    print('child', flush=True)\n    os._exit(0)\n"
    code += "os.waitpid(pid, 0)\nprint('parent')"
    assert client.run(code).text() == "child\nparent\n"
    outcome = client.run("import os\npid = os.fork()\nprint('both')\nif pid: os.waitpid(pid, 0)", keep=True)
    # The child's line may come between the parent's word and the end of its line.
    assert outcome.state == "done" and outcome.text().replace("\n", "") == "bothboth"
    assert client.run("1 + 1", session=outcome.description["session"]).result == "2"


def test_the_name_of_the_module_is_main_and_files_are_where_the_cell_is(client):
    code = "import os, sys\nopen('mine.py', 'w').write('value = 5')\nimport mine\nprint(__name__, mine.value)"
    assert client.run(code).text() == "__main__ 5\n"


def test_pickles_and_processes_find_what_the_cell_defined(client):
    code = "import pickle\nclass Point:\n    pass\nprint(type(pickle.loads(pickle.dumps(Point()))).__name__)"
    assert client.run(code).text() == "Point\n"
    code = "from concurrent.futures import ProcessPoolExecutor\ndef f(x): return x * x\n"
    code += "with ProcessPoolExecutor(2) as pool: print(list(pool.map(f, range(4))))"
    assert client.run(code).text() == "[0, 1, 4, 9]\n"


def test_recursion_without_end_is_an_error_and_the_session_goes_on(client):
    outcome = client.run("def f(n): return f(n + 1)\nf(0)", keep=True)
    assert outcome.error["ename"] == "RecursionError"
    assert client.run("1 + 1", session=outcome.description["session"]).result == "2"


def test_sources_of_earlier_cells_are_known(client):
    session = client.run("def f():\n    return 1 / 0", keep=True).description["session"]
    outcome = client.run("import inspect\nprint(inspect.getsource(f))\nf()", session=session)
    assert "return 1 / 0" in outcome.text()
    assert "return 1 / 0" in plain("\n".join(outcome.error["traceback"]))


def test_random_numbers_differ_between_sessions(client):
    one, two = (
        client.run("import random, numpy, uuid\nprint(random.random(), numpy.random.rand(), uuid.uuid4())")
        for _ in "12"
    )
    assert not set(one.text().split()) & set(two.text().split())


def test_figures_that_are_left_open_are_shown_once(client):
    code = "import matplotlib.pyplot as plt\nplt.figure(); plt.plot([1]); plt.figure(); plt.plot([2]);"
    outcome = client.run(code, keep=True)
    assert len(outcome.of_type("display_data")) == 2
    assert client.run("1", session=outcome.description["session"]).of_type("display_data") == []


def test_pandas_numpy_and_plots_of_pandas_are_shown(client):
    outcome = client.run("import pandas as pd\npd.Series([1, 2]).plot();")
    assert any("image/png" in content["data"] for content in outcome.of_type("display_data"))
    assert client.run("import numpy as np\nnp.arange(3)").result == "array([0, 1, 2])"


def test_twenty_clients_follow_one_computation(client):
    computation = client.submit("import time\nfor i in range(10):\n    print(i, flush=True)\n    time.sleep(0.05)")[
        "id"
    ]
    outcomes: list = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(type(client)(client.url).finish(computation)))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 20
    assert all(outcome.messages == outcomes[0].messages for outcome in outcomes)
