"""A module that is not here: the last line says what can be done, and says nothing where it would not be true."""

from __future__ import annotations

import pytest

from tests.untrusted.kernel.child import LocalProcess

ASK = (
    "{0} is neither a file of this session nor installed on this server; if it is a package, the author of this page "
    "can ask the server's operator to add the line {1} to packages.txt."
)
FRUITLESS = "try:\n    import no_such_a\nexcept ImportError as error:\n    raise {}('needs it') {}"


def last_line(child: LocalProcess, code: str) -> str:
    """Return the last line of a cell's error."""
    return child.run(code).error.splitlines()[-1]


@pytest.mark.parametrize(
    ("code", "name", "package"),
    [
        ("import no_such_a", "no_such_a", "no_such_a"),
        ("import no_such_a.b.c", "no_such_a", "no_such_a"),
        ("from no_such_a import b", "no_such_a", "no_such_a"),
        ("%load_ext no_such_a", "no_such_a", "no_such_a"),
        ("import cv2", "cv2", "opencv-python-headless"),
        (FRUITLESS.format("ImportError", "from error"), "no_such_a", "no_such_a"),
        (FRUITLESS.format("ImportError", ""), "no_such_a", "no_such_a"),
    ],
    ids=["import", "submodule", "from", "extension", "another name", "a cause", "a context"],
)
def test_a_missing_package_says_whom_its_author_asks(child: LocalProcess, code: str, name: str, package: str) -> None:
    assert last_line(child, code) == ASK.format(name, package)


@pytest.mark.parametrize("name", ["nupmy", "Numpy", "numpyy", "nmpy"])
def test_a_slip_of_the_pen_names_what_was_meant(child: LocalProcess, name: str) -> None:
    assert last_line(child, f"import {name}") == f"There is no module {name} here; did you mean numpy?"


def test_a_slip_in_the_name_of_a_file_of_the_session_names_the_file(child: LocalProcess) -> None:
    child.run("open('my_helpers.py', 'w').close()")
    assert last_line(child, "import my_helper") == "There is no module my_helper here; did you mean my_helpers?"


@pytest.mark.parametrize(
    "code",
    [
        "import numpy.nowhere",
        "from numpy import nowhere",
        "raise ModuleNotFoundError('no name')",
        "raise ModuleNotFoundError('no such name', name='a b')",
        "raise ModuleNotFoundError('not a text', name=7)",
        "raise ModuleNotFoundError('too long', name='a' * 101)",
        "raise ModuleNotFoundError('it is there', name='numpy')",
        "raise ModuleNotFoundError('a part of Python', name='winreg')",
        FRUITLESS.format("ValueError", "from error"),
        "class Odd(ModuleNotFoundError):\n    name = property(lambda self: 1 / 0)\nraise Odd",
    ],
)
def test_where_no_package_is_missing_nothing_is_added(child: LocalProcess, code: str) -> None:
    error = child.run(code).error
    assert "packages.txt" not in error and "did you mean" not in error


def test_our_own_modules_are_nobodys_slip(child: LocalProcess) -> None:
    assert last_line(child, "import wirre").startswith("wirre is neither")
