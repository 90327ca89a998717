"""The start configuration says of each language its interpreter, what shows its environment whole, and its limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import settings as settings_file
from device.connect import start_config
from untrusted.__main__ import is_installed
from wire import LanguageConfig, WireError, decode_start_config

TEXTS = dict.fromkeys(("label", "mime", "extension", "highlighting", "install"), "toy")


def settings(**changes: Any) -> settings_file.Settings:
    """Return settings in which environments lie in /envs, with a language in each kind of place."""
    languages = {
        "beside": {**TEXTS, "environment": "beside"},
        "absolute": {**TEXTS, "environment": "/usr/bin/python3", "limits": {"cell_wall_s": 7.0}},
    }
    return settings_file.load(**{"environments_directory": "/envs", "languages": languages, **changes})


def languages(given: settings_file.Settings) -> dict[str, LanguageConfig]:
    """Return the languages of a start configuration as the supervisor reads them."""
    line = start_config.start_line(given, start_config.Keys.make(), "127.0.0.1", 20000, 4)
    return decode_start_config(line).languages


def test_environments_lie_beside_each_other_and_have_a_stamp() -> None:
    found = languages(settings())
    assert (found["python"].python, found["python"].stamp) == ("/envs/untrusted/bin/python", "/envs/untrusted/.stamp")
    assert (found["beside"].python, found["beside"].stamp) == ("/envs/beside/bin/python", "/envs/beside/.stamp")
    assert start_config.choose_python(settings()) == found["python"].python


def test_an_interpreter_that_the_operator_names_needs_no_stamp() -> None:
    found = languages(settings(untrusted_python="/opt/python/bin/python3"))
    assert (found["absolute"].python, found["absolute"].stamp) == ("/usr/bin/python3", "")
    assert (found["python"].python, found["python"].stamp) == ("/opt/python/bin/python3", "")
    assert found["beside"].python == "/envs/beside/bin/python"


def test_each_language_has_its_own_limits() -> None:
    given = settings(cell_wall_s=50.0)
    found = languages(given)
    assert (found["absolute"].limits.cell_wall_s, found["python"].limits.cell_wall_s) == (7.0, 50.0)
    assert found["absolute"].limits.cell_cpu_s == given.cell_cpu_s


@pytest.mark.parametrize(
    ("files", "installed"),
    [
        ([], False),
        (["bin/python"], False),
        ([".stamp"], False),
        (["bin/python", ".stamp"], True),
    ],
)
def test_half_an_environment_is_none(tmp_path: Path, files: list[str], installed: bool) -> None:
    for name in files:
        (tmp_path / "beside" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "beside" / name).touch(0o755)
    assert is_installed(languages(settings(environments_directory=str(tmp_path)))["beside"]) == installed


def test_a_start_configuration_without_limits_is_refused() -> None:
    line = json.loads(start_config.start_line(settings(), start_config.Keys.make(), "127.0.0.1", 20000, 4))
    del line["languages"]["beside"]["limits"]["cell_wall_s"]
    with pytest.raises(WireError, match="cell_wall_s"):
        decode_start_config(json.dumps(line).encode())
