"""Says what can be done about a module that is not here."""

from __future__ import annotations

import difflib
import importlib.util
import pkgutil
import sys
from pathlib import Path

OURS = str(Path(__file__).resolve().parents[2])  # our own modules are nothing to a reader
CHAIN_MAX = 5  # a library's ImportError has the one behind it that says which module is missing
NAME_CHARS_MAX = 100
# Two names are as good as the same with one letter wrong, left out or too many, or two letters in each other's place.
LIKE, LENGTHS_APART = 0.8, 1
# Packages whose modules have other names.
PACKAGES = {
    "Bio": "biopython", "Crypto": "pycryptodome", "PIL": "pillow", "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless", "docx": "python-docx", "dotenv": "python-dotenv", "fitz": "pymupdf",
    "git": "gitpython", "jwt": "pyjwt", "pptx": "python-pptx", "psycopg2": "psycopg2-binary", "serial": "pyserial",
    "skimage": "scikit-image", "sklearn": "scikit-learn", "umap": "umap-learn", "wx": "wxpython", "z3": "z3-solver",
}  # fmt: skip


def advice(exception: BaseException, packages_file: str) -> str | None:
    """Return a sentence about the module that is missing, None where none is.

    ``packages_file``: where the operator writes the packages of this language.
    """
    try:
        name = _missing(exception)
        if name is None:
            return None
        near = _near(name)
    except Exception:  # noqa: BLE001 - the exception may be of any class, and the reader's code may have changed importing
        return None
    if near is not None:
        return f"There is no module {name} here; did you mean {near}?"
    return (
        f"{name} is neither a file of this session nor installed on this server; if it is a package, the author of "
        f"this page can ask the server's operator to add the line {PACKAGES.get(name, name)} to {packages_file}."
    )


def _missing(exception: BaseException | None) -> str | None:
    """Return the name, without its submodules, of the module whose absence an ImportError is about."""
    for _ in range(CHAIN_MAX):
        if not isinstance(exception, ImportError):
            return None
        if isinstance(exception, ModuleNotFoundError) and isinstance(exception.name, str):
            name = exception.name.partition(".")[0]
            # What belongs to Python and is not here (tkinter) is no package.
            fit = name.isidentifier() and len(name) <= NAME_CHARS_MAX and name not in sys.stdlib_module_names
            return name if fit and name not in sys.modules and importlib.util.find_spec(name) is None else None
        exception = exception.__cause__ or exception.__context__
    return None


def _near(name: str) -> str | None:
    places = [place for place in sys.path if place != OURS]
    names = {module.name for module in pkgutil.iter_modules(places)} | sys.stdlib_module_names
    likely = [other for other in names if abs(len(other) - len(name)) <= LENGTHS_APART and not other.startswith("_")]
    found = difflib.get_close_matches(name.lower(), likely, n=1, cutoff=LIKE)
    return found[0] if found else None
