"""What a language says of its packages is what a device takes, whatever lies in the environment."""

from __future__ import annotations

from pathlib import Path

import settings as settings_file
import wire
from device.handshake import AccountLanguages
from untrusted.worker.packages import SHOWN, installed


def describe(folder: Path, *names: str) -> str:
    """Make the folders that describe packages; return the path of what they lie in."""
    for name in names:
        (folder / f"{name}.dist-info").mkdir(parents=True)
    return str(folder)


def test_names_are_as_indexes_compare_them_and_the_first_on_the_path_counts(tmp_path: Path) -> None:
    one = describe(tmp_path / "one", "scikit_learn-1.9", "Jinja2-3.1")
    two = describe(tmp_path / "two", "jinja2-2.0", "a.b-1")
    assert installed(["/no/such/place", one, two]) == {"a-b": "1", "jinja2": "3.1", "scikit-learn": "1.9"}


def test_a_list_in_the_environment_says_which_are_shown(tmp_path: Path) -> None:
    place = describe(tmp_path, "numpy-2.4", "six-1.17")
    (tmp_path / SHOWN).write_text("NumPy\nnot_there\n")
    assert installed([place]) == {"numpy": "2.4"}


def test_what_no_device_would_take_is_left_out(tmp_path: Path) -> None:
    odd = ("~umpy-1", "-1", "_x-1", "numpy-2\n", "é-1", "a" * 61 + "-1", f"b-{'1' * 61}")
    many = [f"p{number:03}-1" for number in range(wire.PACKAGES_MAX + 1)]
    found = installed([describe(tmp_path, *odd, *many)])
    assert list(found) == [f"p{number:03}" for number in range(wire.PACKAGES_MAX)]
    AccountLanguages([wire.LanguageReport("python", "3", "ready", found)], settings_file.load())
