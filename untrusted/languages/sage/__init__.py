"""Describes Sage: what is loaded before the fork, how it is warmed, and what it needs of the sandbox.

The other files of this folder run in Sage's own environment alone; this one is read where there is no Sage, too.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from untrusted.languages import Language
from untrusted.languages.pasted_code import as_meant
from untrusted.languages.python import ONE_THREAD

# What Sage speaks with over a terminal.
DIALECTS = ("gap", "gp", "maxima", "singular")

WARM_CELLS = (
    "1/3",
    "f(x) = x^2",
    "factor(2^101-1)",
    "integrate(x^2*sin(x), x)",
    "R.<t> = QQ[]; factor(t^4-1)",
    "matrix([[1,2],[3,4]]).eigenvalues()",
    "solve(x^2 == 2, x)",
    "EllipticCurve([0,1]).rank()",
    "PolynomialRing(QQ, 'a,b').ideal('a*b-1', 'a^2+b^2-4').groebner_basis()",
    "SymmetricGroup(3).order(); libgap.eval('Size(SymmetricGroup(3))')",
    "plot(sin, (0, 6))",
    "show(plot(x^2, (x, 0, 1)), figsize=3)",
    "graphs.PetersenGraph().show()",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3]);",
    "sphere()",
    "show(sqrt(x)/2)",
    "%display latex",
    "integrate(1/x, x)",
    "%display ascii_art",
    "x^2/3",
    "%display default",
    "1 +",
    "QQ[",
    "1/0",
    "def warm(n):\n    return 1 / n\nwarm(0)",
    "print('warm')",
    "from untrusted.languages.sage import session\nsession.prepare()",
)


def version() -> str:
    """Return the version of Sage."""
    from sage.env import SAGE_VERSION

    return SAGE_VERSION


def check(code: str) -> str:
    """Return the code as it was meant. Raises SyntaxError, at the reader's column, where the preparser stumbles."""
    from IPython import get_ipython

    from untrusted.languages.sage.brackets import check as check_brackets

    meant = as_meant(code)
    check_brackets(meant, f"Cell In[{get_ipython().execution_count}]")
    return meant


def speak(dialect: str, code: str) -> str:
    """Return the Python that runs a cell in a dialect; it leaves no name behind."""
    module = "untrusted.languages.sage.dialects"
    return f"__import__({module!r}, fromlist=['run']).run({dialect!r}, {code!a})"


def set_up(shell: Any) -> None:
    """Make IPython's shell one of Sage, in the zygote."""
    from untrusted.languages.sage.customisation import set_up as customise

    customise(shell)


def populate(namespace: dict[str, Any]) -> None:
    """Fill a fresh namespace with Sage's names."""
    from untrusted.languages.sage.customisation import populate as fill

    fill(namespace)


def start() -> None:
    """Prepare a session, in the forked worker: randomness and places of its own."""
    from untrusted.languages.sage.session import start as start_session

    start_session()


def take_sigint(handle: Any) -> None:
    """Let ``handle`` hear SIGINT, and long computations in C end with it."""
    from untrusted.languages.sage.interrupts import take_sigint as take

    take(handle)


LANGUAGE = Language(
    name="sage",
    version=version,
    environment={
        **dict.fromkeys(ONE_THREAD, "1"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PLOTLY_RENDERER": "plotly_mimetype",
        "PYTHONIOENCODING": "utf-8",
        "SAGE_NUM_THREADS": "1",
        # Lisp's garbage collector marks with threads of its own otherwise.
        "GC_MARKERS": "1",
        # A crash is told by the supervisor; a debugger for its traceback would not be let near the process.
        "CYSIGNALS_CRASH_QUIET": "yes",
    },
    preload=("sage.all", "sage.all_cmdline", "matplotlib.pyplot", "untrusted.languages.sage.dialects"),
    warm_cells=WARM_CELLS,
    transform=check,
    set_up=set_up,
    populate=populate,
    start=start,
    take_sigint=take_sigint,
    # GAP, Maxima, gp and Singular as programs: Sage speaks with each over a terminal of its own.
    terminals=True,
    dialects={dialect: partial(speak, dialect) for dialect in DIALECTS},
    packages_file="packages-sage.txt",
)
