"""Errors: the student's lines, nothing of ours, never too long, and the session goes on."""

from __future__ import annotations

import pytest

from tests.untrusted.kernel.child import ROOT, LocalProcess

ERRORS = {
    "1/0": ("ZeroDivisionError", "Cell In[1], line 1"),
    "x = 1\n\ndef f():\n    return nope\nf()": ("NameError", "Cell In[1], line 4, in f()"),
    "1 +": ("SyntaxError", "Cell In[1], line 1"),
    "if True:\nx": ("IndentationError", "Cell In[1], line 2"),
    "print('a": ("SyntaxError", "Cell In[1], line 1"),
    "raise ExceptionGroup('g', [ValueError('inner')])" : ("ExceptionGroup", 'File "Cell In[1]", line 1'),
    "await nope()": ("NameError", "Cell In[1], line 1"),
    "def f(n): return f(n + 1)\nf(0)": ("RecursionError", "frames in the middle are left out"),
    "try:\n    1/0\nexcept Exception as e:\n    raise KeyError('k') from e": ("KeyError", "direct cause"),
    "raise KeyboardInterrupt": ("KeyboardInterrupt", "Cell In[1], line 1"),
    "raise MemoryError": ("MemoryError", "Cell In[1], line 1"),
    "eval('1 +')": ("SyntaxError", "Cell In[1], line 1"),
    "import json; json.loads('{')": ("JSONDecodeError", "Cell In[1], line 1"),
    "input()": ("StdinNotImplementedError", "Cell In[1], line 1"),
    "import sys; sys.stdout.write(3)": ("TypeError", "Cell In[1], line 1"),
    "def f(): yield\nf().throw(GeneratorExit)": ("GeneratorExit", "Cell In[1], line 2"),
}  # fmt: skip


@pytest.mark.parametrize("code", ERRORS)
def test_an_error_names_the_cell_and_the_line(child: LocalProcess, code: str) -> None:
    ename, said = ERRORS[code]
    if ename == "ExceptionGroup" and child.run("ExceptionGroup").reply["status"] == "error":
        pytest.skip("this Python has no exception groups")
    child_code = code.replace("Cell In[1]", "")
    ran = child.run(child_code, stdin=False)
    number = ran.only("execute_input")["execution_count"]
    assert ran.only("error")["ename"] == ran.reply["ename"] == ename
    assert said.replace("In[1]", f"In[{number}]") in ran.error
    assert "untrusted/" not in ran.error and str(ROOT / "untrusted") not in ran.error
    assert ran.reply["status"] == "error"
    assert child.run("1").types == ["execute_result"]


def test_the_error_in_the_reply_is_the_error_shown(child: LocalProcess) -> None:
    ran = child.run("1/0")
    assert {name: ran.reply[name] for name in ("ename", "evalue", "traceback")} == ran.only("error")


CLASSES = {
    "str fails": "def __str__(self): raise RuntimeError('inner')",
    "str is no text": "def __str__(self): return 3",
    "str exits": "def __str__(self): exit()",
    "repr fails": "def __repr__(self): 1/0",
    "own traceback": "def _render_traceback_(self): return ['mine']",
    "own traceback fails": "def _render_traceback_(self): 1/0",
    "own traceback is no list": "def _render_traceback_(self): return 7",
    "own traceback holds no text": "def _render_traceback_(self): return [7, None]",
    "no attribute works": "def __getattr__(self, name): raise ValueError(name)",
    "is false": "def __bool__(self): return False",
    "cannot be asked": "def __bool__(self): raise ValueError",
    "equals everything": "def __eq__(self, other): return True\n    __hash__ = None",
    "surrogates": "def __str__(self): return '\\ud800'",
    "long": "def __str__(self): return 'x' * 10_000_000",
}


@pytest.mark.parametrize("base", ["Exception", "BaseException"])
@pytest.mark.parametrize("case", CLASSES)
def test_exceptions_of_any_kind_become_an_error(child: LocalProcess, case: str, base: str) -> None:
    ran = child.run(f"class Odd({base}):\n    {CLASSES[case]}\nraise Odd('x')")
    assert ran.reply["status"] == "error"
    assert ran.all("error"), ran
    assert sum(map(len, ran.all("error")[0]["traceback"])) < 100_000
    assert child.run("1").types == ["execute_result"]


def test_a_long_chain_of_exceptions_is_cut(child: LocalProcess) -> None:
    code = "e = None\nfor i in range(10_000):\n    n = ValueError(i); n.__cause__ = e; e = n\nraise e"
    assert child.run(code).reply["ename"] == "ValueError"


def test_a_ring_of_exceptions_ends(child: LocalProcess) -> None:
    assert (
        child.run("a, b = ValueError('a'), ValueError('b')\na.__cause__, b.__cause__ = b, a\nraise a").reply["evalue"]
        == "a"
    )


def test_a_deep_stack_is_cut_quickly(child: LocalProcess) -> None:
    code = "import sys\nsys.setrecursionlimit(20_000)\ndef f(n):\n    return f(n - 1) if n else 1/0\nf(15_000)"
    assert sum(map(len, child.run(code).only("error")["traceback"])) < 100_000


def test_real_lack_of_memory_is_an_error(child: LocalProcess) -> None:
    assert child.run("x = bytearray(1 << 60)").reply["ename"] in ("MemoryError", "OverflowError")


@pytest.mark.parametrize("leave", ["exit()", "quit()", "exit", "import sys; sys.exit()", "exit(0)", "raise SystemExit"])
def test_leaving_ends_the_cell_calmly(child: LocalProcess, leave: str) -> None:
    ran = child.run(f"print('a')\n{leave}\nprint('b')") if leave != "exit" else child.run("exit")
    assert ran.reply["status"] == "ok"
    assert set(ran.types) <= {"stream"} and "b" not in ran.text()
    assert ran.text("stderr") == ""
    assert child.run("1").types == ["execute_result"]


@pytest.mark.parametrize(("argument", "evalue"), [("3", "3"), ("'no data'", "no data")])
def test_leaving_with_something_to_say_is_one_line(child: LocalProcess, argument: str, evalue: str) -> None:
    ran = child.run(f"import sys\nsys.exit({argument})")
    assert ran.only("error") == {"ename": "SystemExit", "evalue": evalue, "traceback": [f"SystemExit: {evalue}"]}
    assert ran.reply["status"] == "error"


def test_code_without_effect_is_fine(child: LocalProcess) -> None:
    for code in ("", "\n", "# nothing", "   "):
        assert child.run(code).reply["status"] == "ok"


def test_python_itself_names_the_cell(child: LocalProcess) -> None:
    ran = child.run(
        "import traceback, warnings\ndef f(): 1/0\ntry: f()\nexcept: traceback.print_exc()\nwarnings.warn('!')"
    )
    assert 'File "Cell In[1]", line 2, in f' in ran.text("stderr")
    assert "Cell In[1]:5: UserWarning: !" in ran.text("stderr")


def test_source_can_be_read(child: LocalProcess) -> None:
    child.run("def f():\n    return 'mine'")
    assert "return 'mine'" in child.run("import inspect\nprint(inspect.getsource(f))").text()


def test_an_error_in_a_thread_is_told_on_stderr(child: LocalProcess) -> None:
    ran = child.run("import threading\nt = threading.Thread(target=lambda: 1/0)\nt.start(); t.join()")
    assert "ZeroDivisionError" in ran.text("stderr") and ran.reply["status"] == "ok"


@pytest.mark.parametrize(
    ("code", "line"),
    [("def f():\n    pass\n  x = 1", 3), ("\n\nfor i in [1]:\n        print(i)\n    print(2)", 5)],
)
def test_a_line_that_is_indented_to_no_level_is_four_lines_of_error(child: LocalProcess, code: str, line: int) -> None:
    ran = child.run(code)
    number = ran.only("execute_input")["execution_count"]
    assert ran.error.splitlines() == [
        f"  Cell In[{number}], line {line}",
        f"    {code.splitlines()[line - 1].strip()}",
        "    ^",
        "IndentationError: unindent does not match any outer indentation level",
    ]
    assert ran.reply["evalue"].endswith(f"(Cell In[{number}], line {line})")


# From each, something of a library is told: a frame, a name, a warning.
OF_LIBRARIES = {
    "frames": ("import matplotlib.pyplot as plt\nplt.plot([1], [2, 3])", "matplotlib/pyplot.py"),
    "a message": ("from numpy import nope", "numpy/__init__.py"),
    "a warning": (
        "import warnings, numpy\nwarnings.warn_explicit('old', UserWarning, numpy.__file__, 1)", "numpy/__init__.py:1",
    ),
    "a group": (
        "import numpy\nraise ExceptionGroup(numpy.__file__, [ValueError(numpy.__file__)])", "numpy/__init__.py",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_LIBRARIES)
def test_a_library_is_named_without_the_place_that_it_lies_in(child: LocalProcess, case: str) -> None:
    code, named = OF_LIBRARIES[case]
    ran = child.run(code)
    said = ran.text("stderr") + str(ran.all("error")) + str(ran.reply)
    assert named in said or ran.reply["ename"] == "NameError"  # a Python without exception groups
    assert "site-packages" not in said
