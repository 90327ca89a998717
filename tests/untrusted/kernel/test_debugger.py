"""Debuggers that a student opens: the cell's lines under the cell's name, and neither frames nor places of ours."""

from __future__ import annotations

import re

import pytest

from tests.untrusted.kernel.child import ROOT, LocalProcess

CELL = "def g(x):\n    {open}\n    return 1 / x\ng(0)"


@pytest.mark.parametrize("start", ["import pdb; pdb.set_trace()", "breakpoint()"])
def test_a_debugger_shows_the_cell_and_its_frames_alone(child: LocalProcess, start: str) -> None:
    ran = child.run(CELL.format(open=start), answers=("w", "l", "p x + 41", "b 1", "q"))
    number = ran.only("execute_input")["execution_count"]
    said = ran.text()
    assert f"> Cell In[{number}](3)g()" in said and f"  Cell In[{number}](4)<module>()" in said
    assert "return 1 / x" in said and "\n41\n" in said
    assert f"Breakpoint 1 at Cell In[{number}]:1" in said
    assert "IPython" not in said and str(ROOT) not in said and "/Cell In[" not in said
    assert child.run("1").types == ["execute_result"]


def test_a_debugger_after_an_error_shows_the_cell_and_libraries_by_their_names(child: LocalProcess) -> None:
    failed = child.run("import json\nimport matplotlib.pyplot as plt\nplt.plot([1], [2, 3])\n")
    number = failed.only("execute_input")["execution_count"]
    said = re.sub(r"\x1b\[[0-9;]*m", "", child.run("%debug", answers=("w", "u", "u", "u", "u", "q")).text())
    assert f"Cell In[{number}](3)<module>()" in said and "matplotlib/pyplot.py(" in said
    assert "site-packages" not in said and "IPython" not in said and "/Cell In[" not in said


def test_pdb_on_opens_a_debugger_after_each_error_where_the_reader_can_be_asked(child: LocalProcess) -> None:
    ran = child.run("%pdb on\ndef f(x):\n    return 1 / x\nf(0)", answers=("p x + 41", "q"))
    assert "ZeroDivisionError" in ran.error and "41\n" in ran.text() and ran.reply["status"] == "error"
    assert child.run("1 / 0", stdin=False).reply["ename"] == "ZeroDivisionError"
    child.run("%pdb off")
    assert child.run("1 / 0").types == ["error"]
