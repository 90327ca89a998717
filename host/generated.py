"""Write the settings that the services read: the operator's own, and what this start found out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import settings
from host.errors import EXIT_SETTINGS, HostError
from host.layout import Account, give
from settings import Settings

HEADER = "# Made by make run at each start from the operator's settings; changes here are lost.\n"


def load(**overrides: Any) -> Settings:
    """Return the operator's settings with overrides. Raises HostError."""
    try:
        return settings.load(**overrides)
    except settings.SettingsError as error:
        raise HostError(str(error), EXIT_SETTINGS) from error


def write(file: Path, effective: Settings, reader: Account) -> None:
    """Write every setting into a file that only the reader and its owner can read."""
    values = {name: getattr(effective, name) for name in Settings.__struct_fields__}
    # A table of languages adds to the defaults: those that are left out must be named.
    values["languages"] = dict.fromkeys(settings.read(settings.DEFAULT_FILE)["languages"]) | values["languages"]
    lines = [f"{name} = {value!r}\n" for name, value in values.items()]
    half = file.with_suffix(".new")
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(HEADER + "".join(lines))
    give(half, reader, 0o600 if reader.is_ours else 0o640)
    half.rename(file)
