"""Finds and reads kernelspecs: Jupyter's files ``kernel.json``, which say how an installed kernel is started."""

from __future__ import annotations

import json
import os
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = "kernel.json"
KERNELSPEC_BYTES_MAX = 64 << 10
# Where the whole machine's kernels are. The account's own directories are never asked: strangers' code may have
# written there.
SYSTEM = (Path("/usr/local/share/jupyter/kernels"), Path("/usr/share/jupyter/kernels"))
BESIDE = Path(__file__).parent


class KernelspecError(ValueError):
    """A kernelspec is not there, or cannot be used; the message is one sentence that names it."""


class NotInstalledError(KernelspecError):
    """There is no kernelspec of that name."""


@dataclass(frozen=True)
class Kernelspec:
    """The start of one kernel.

    ``directory``: where its file lies. ``argv``: its command, with ``{connection_file}`` in it. ``environment``:
    variables for it. ``is_told_of_interrupts``: it wants a message instead of SIGINT.
    """

    directory: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    is_told_of_interrupts: bool

    def command(self, connection_file: str) -> list[str]:
        """Return what starts the kernel."""
        values = {"{connection_file}": connection_file, "{resource_dir}": self.directory}
        command = []
        for argument in self.argv:
            for name, value in values.items():
                argument = argument.replace(name, value)
            command.append(argument)
        return command

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the kernel; in its own values ``${NAME}`` stands for one that is given."""
        own = {name: string.Template(value).safe_substitute(given) for name, value in self.environment.items()}
        return {**given, **own}


def find(name: str, python: str) -> Kernelspec:
    """Return the kernelspec of this name: beside the languages' descriptions, in the environment of a Python, or of the
    whole machine. Raises KernelspecError.
    """
    environment = Path(os.path.dirname(os.path.dirname(python))) / "share" / "jupyter" / "kernels"
    for place in (BESIDE, environment, *SYSTEM):
        if (place / name / FILE).is_file():
            return read(place / name / FILE)
    raise NotInstalledError(f"no kernelspec {name} is installed")


def read(file: Path) -> Kernelspec:
    """Return the kernelspec in a file. Raises KernelspecError."""
    try:
        with file.open("rb") as opened:
            found = json.loads(opened.read(KERNELSPEC_BYTES_MAX))
    except (OSError, ValueError, RecursionError) as error:
        raise KernelspecError(f"{file} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise KernelspecError(f"{file} is no JSON object")
    argv, environment, mode = found.get("argv"), found.get("env", {}), found.get("interrupt_mode", "signal")
    if not (isinstance(argv, list) and argv and all(isinstance(argument, str) for argument in argv)):
        raise KernelspecError(f"argv of {file} is no list of texts")
    if not any("{connection_file}" in argument for argument in argv):
        raise KernelspecError(f"argv of {file} does not hand over {{connection_file}}")
    if not (isinstance(environment, dict) and all(isinstance(value, str) for value in environment.values())):
        raise KernelspecError(f"env of {file} is no object of texts")
    if mode not in ("signal", "message"):
        raise KernelspecError(f"interrupt_mode of {file} is neither signal nor message")
    return Kernelspec(str(file.parent), tuple(argv), environment, mode == "message")
