"""Completion and inspection know the live namespace, and bear any code."""

from __future__ import annotations

import pytest

from tests.untrusted.kernel.child import LocalProcess, plain


def test_completion_knows_the_live_namespace(child: LocalProcess) -> None:
    child.run("alpha_beta = 1\nclass Thing: width = 3\nthing = Thing()")
    reply = child.call("complete", "x = alpha_b", 11)
    assert (reply["matches"], reply["cursor_start"], reply["cursor_end"]) == (["alpha_beta"], 4, 11)
    assert any("width" in match for match in child.call("complete", "thing.wi", 8)["matches"])
    assert "matplotlib" in child.call("complete", "import matplotl", 15)["matches"]
    assert child.call("complete", "%timei", 6)["matches"]


def test_positions_count_code_points(child: LocalProcess) -> None:
    child.run("alpha_beta = 1")
    reply = child.call("complete", "'😀'; alpha_b", 12)
    assert (reply["cursor_start"], reply["cursor_end"]) == (5, 12)


@pytest.mark.parametrize(
    ("code", "position"),
    [("", 0), ("abc", -5), ("abc", 99), ("\ud83d", 1), ("(((", 3), ("'", 1), ("a\n" * 1000, 2000)],
)
def test_completion_and_inspection_bear_any_code(child: LocalProcess, code: str, position: int) -> None:
    child.call("complete", code, position)
    child.call("inspect", code, position, 0)


def test_inspection_shows_help_and_source(child: LocalProcess) -> None:
    child.run("def mine(a):\n    'My help.'\n    return a")
    assert "My help." in child.call("inspect", "mine(1)", 3, 0)["data"]["text/plain"]
    assert "return a" in plain(child.call("inspect", "mine", 4, 1)["data"]["text/plain"])
    assert child.call("inspect", "nope", 4, 0)["found"] is False


def test_what_completion_provokes_does_no_harm(child: LocalProcess) -> None:
    child.run("class Odd:\n    def __dir__(self): print('asked'); raise ValueError")
    child.run("Odd.__getattr__ = lambda self, name: {}[name]\nodd = Odd()")
    child.call("complete", "odd.", 4)
    child.call("inspect", "odd", 3, 1)
    assert child.run("1").reply["status"] == "ok"


COMPLETED = {
    "import math\nmath.sq": ".sqrt",
    "import numpy as np\nnp.linsp": ".linspace",
    "from math import *\nsqr": "sqrt",
    "from os.path import join as put_together\nput_tog": "put_together",
    "import no_such_module_here\nno_such_m": "no_such_module_here",
    "def foo_bar(a): pass\nfoo_b": "foo_bar",
    "my_number = unknown()\nmy_nu": "my_number",
    "x = [1, 2]\nx.appe": ".append",
    "import pandas as pd\ndf = pd.read_csv('a.csv')\ndf.grou": ".groupby",
    "import pandas as pd\ndf = pd.DataFrame()\nby = df.groupby('a')\nby.agg": ".aggregate",
    "import numpy as np\na = np.zeros(3) + 1\na.resh": ".reshape",
    "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.set_xlab": ".set_xlabel",
    "class Thing:\n    def __init__(self, a):\n        self.width = a\nthing = Thing(1)\nthing.wid": ".width",
    "with open('f') as file:\n    file.readl": ".readline",
    "def f():\n    import random\n    random.randi": ".randint",
    "for word in ['a', 'b']:\n    word.upp": ".upper",
    "%matplotlib inline\nimport math\nmath.sq": ".sqrt",
    "import math\nx = (\nmath.sq": ".sqrt",
    "d = {'alpha': 1}\nd['alp": "alpha",
}


@pytest.mark.parametrize(("code", "match"), COMPLETED.items())
def test_completion_knows_what_the_code_itself_makes(child: LocalProcess, code: str, match: str) -> None:
    reply = child.call("complete", code, len(code))
    assert match in reply["matches"]
    assert match.startswith(code[reply["cursor_start"] :]) and reply["cursor_end"] == len(code)


@pytest.mark.parametrize(
    ("code", "signature"),
    [
        ("import math\nmath.sqrt(", "math.sqrt(x, /)"),
        ("def foo(bar, baz=1):\n    'What it does.'\n    raise OSError\nfoo(", "foo(bar, baz=1)"),
        ("def foo(a=print('run')): pass\nfoo(", "foo(a=Ellipsis)"),
        ("x = [1]\nx.append(", "x.append(object, /)"),
        ("from math import gcd\ngcd(1, ", "gcd(*integers)"),
    ],
)
def test_inspection_knows_what_the_code_itself_makes(child: LocalProcess, code: str, signature: str) -> None:
    text = plain(child.call("inspect", code, len(code), 0)["data"]["text/plain"])
    assert signature in text and "<names>" not in text


def test_introspection_runs_nothing_but_imports_and_leaves_nothing(child: LocalProcess) -> None:
    code = """open('made', 'w'); print('said')
@print
def f(a=open('made', 'w')): open('made', 'w')
class C(open('made', 'w')): x = open('made', 'w')
x = open('made', 'w'); import this, math
"""
    child.call("complete", f"{code}x.rea", len(code) + 5)
    child.call("inspect", f"{code}f(", len(code) + 2, 0)
    ran = child.run("import os\nprint(os.path.exists('made'), 'math' in globals(), 'f' in globals(), 'C' in globals())")
    assert ran.text() == "False False False False\n" and child.late == []


def test_what_is_alive_counts_more_than_what_the_code_says(child: LocalProcess) -> None:
    child.run("x = {'really': 1}")
    assert ".keys" in child.call("complete", "x = []\nx.ke", 11)["matches"]


@pytest.mark.parametrize(
    "code", ["x = " + "(" * 90 + "1" + ")" * 90, "x = " + "1 + " * 5000 + "1", "x = " + "not " * 3000 + "1", "x" * 3000,
             "".join(f"a{n} = {n}\n" for n in range(4000)), "a = b = a\nimport .x", "import sys\nsys.exit()\nraise"],
)  # fmt: skip
def test_code_that_nobody_writes_does_no_harm(child: LocalProcess, code: str) -> None:
    text = f"{code}\nimport math\nmath.sq"
    assert child.call("complete", text, len(text))["status"] == "ok"
    assert child.run("1").reply["status"] == "ok"
