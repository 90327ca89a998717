"""Describes Python: what is loaded before the fork, and how it is warmed."""

from __future__ import annotations

import platform
from typing import Any

from untrusted.languages import Language, charts, fonts
from untrusted.languages.pasted_code import as_meant
from untrusted.languages.programs import DIALECTS, PROGRAMS

# One thread per numerical library: a pool of threads made before the fork is dead after it.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

WARM_CELLS = (
    "1+1",
    "print('warm')\n'warm'",
    "def warm(n):\n    return 1 / n\nwarm(0)",
    "import sys\nprint('warm', file=sys.stderr)",
    "display({'a': [1]})",
    "1 +",
    "import numpy as np\nnp.arange(3.0) @ np.ones(3)",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3]);\nplt.title('warm $x^2$')",
)



def set_up(shell: Any) -> None:
    """Teach matplotlib more scripts, and IPython's shell to show charts."""
    fonts.add_to_matplotlib()
    charts.show_altair(shell)


LANGUAGE = Language(
    name="python",
    version=platform.python_version,
    environment={
        **dict.fromkeys(ONE_THREAD, "1"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        # JSON for the page's own plotly; the other renderers fetch a script from elsewhere or open a browser.
        "PLOTLY_RENDERER": "plotly_mimetype",
        "PYTHONIOENCODING": "utf-8",
    },
    # CPU that each costs every fork, and saves a cell that imports it, on the development machine: numpy 0.8 and 45 ms,
    # matplotlib 2.5 and 260, pandas 0.8 and 120, sympy 0.6 and 170, the large parts of SciPy 1.5 and 440; all of them
    # make the zygote 206 instead of 82 MB and a fork with exit 11.7 instead of 5.5 ms.
    preload=("numpy", "matplotlib.pyplot"),
    warm_cells=WARM_CELLS,
    transform=as_meant,
    set_up=set_up,
    dialects=DIALECTS,
    programs=PROGRAMS,
)
