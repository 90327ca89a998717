"""Lets ``%%cython`` compile: Sage asks for libraries whose headers no wheel brings, and most cells need none."""

from __future__ import annotations

import os
import shutil
import sysconfig

from IPython.core.error import UsageError
from sage.env import sage_include_directories
from sage.misc import cython

NO_COMPILER = "Compiling needs a C compiler and Python's headers, which this server has not (Debian: gcc, python3-dev)."
# Names that lines like `# distutils: libraries = M_LIBRARIES` may have.
ALIASES = {
    "M_LIBRARIES": ["m"],
    "LINUX_NOEXECSTACK": ["-Wl,-z,noexecstack"],
    "OPENMP_CFLAGS": ["-fopenmp"],
    "OPENMP_CXXFLAGS": ["-fopenmp"],
}


def set_up() -> None:
    """Let Sage compile with what is here."""
    cython._standard_libs_libdirs_incdirs_aliases = compiled_with


def compiled_with() -> tuple[list[str], list[str], list[str], dict[str, list[str]]]:
    """Return libraries, their directories, those of headers, and aliases. Raises UsageError without a compiler."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if not shutil.which(compiler) or not os.path.exists(f"{sysconfig.get_path('include')}/Python.h"):
        raise UsageError(NO_COMPILER)
    return ["m"], [], sage_include_directories(use_sources=True), ALIASES
