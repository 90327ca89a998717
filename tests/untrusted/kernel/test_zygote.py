"""Before the fork: warm, quiet, single-threaded, and without a trace of the warm-up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.untrusted.kernel.child import ROOT, LocalProcess, Zygote


def test_the_zygote_has_one_thread_and_says_nothing(zygote: Zygote) -> None:
    assert zygote.tasks == 1
    assert zygote.log() == ""


def test_the_first_cell_is_number_one_in_an_empty_namespace(child: LocalProcess) -> None:
    ran = child.run("sorted(n for n in globals() if not n.startswith('_'))\n")
    assert ran.only("execute_result")["execution_count"] == 1
    assert ran.only("execute_result")["data"]["text/plain"] == "['In', 'Out', 'exit', 'get_ipython', 'open', 'quit']"


def test_nothing_of_the_warm_up_is_left(child: LocalProcess) -> None:
    code = (
        "import gc, linecache, sys\n"
        "import matplotlib.pyplot as plt\n"
        "[_, __, ___, _i, _ii, _iii, Out, In[:-1], plt.get_fignums(), __name__, sys.argv,\n"
        " [n for n in linecache.cache if 'Cell' in n], getattr(sys, 'last_value', None),\n"
        " [n for n in globals() if 'warm' in n]]"
    )
    assert child.run(code).only("execute_result")["data"]["text/plain"].replace("\n", "") == (
        "['', '', '', '', '', '', {}, [''], [], '__main__', [''], ['Cell In[1]'], None, []]"
    )


def test_children_share_nothing(zygote: Zygote) -> None:
    first = LocalProcess(zygote)
    first.run("x = 1")
    first.end()
    second = LocalProcess(zygote)
    assert second.run("x").reply["ename"] == "NameError"
    second.end()


def test_no_file_is_written_outside_the_work_directory(zygote: Zygote, child: LocalProcess) -> None:
    child.run("%cd .\nimport matplotlib.pyplot as plt; plt.plot([1])\n%history\nlen?\n!true")
    home: Path = zygote.directory / "home"
    assert list(home.rglob("*")) == []


def test_classes_of_the_cell_can_be_pickled(child: LocalProcess) -> None:
    code = "import pickle\nclass C: pass\ntype(pickle.loads(pickle.dumps(C()))).__module__"
    assert child.run(code).only("execute_result")["data"]["text/plain"] == "'__main__'"


def test_a_language_is_described_without_loading_it() -> None:
    code = "import sys, untrusted.languages.python; print(any(m in sys.modules for m in ('numpy', 'IPython')))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True) == "False\n"
