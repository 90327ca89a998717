"""A supervisor whose second language is run by an odd kernel of the tests' own."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import wire
from harness.processes import untrusted_python
from harness.supervisor import Supervisor, ship

HERE = Path(__file__).parent
DESCRIPTION = """
from untrusted.languages import Language
LANGUAGE = Language(name={name!r}, kernelspec={name!r}, warm_cells={warm_cells!r})
"""
ARGV = ["python", "{resource_dir}/kernel.py", "{connection_file}"]


def put(place: Path, name: str, spec: dict[str, Any] | str | None = None, warm_cells: tuple[str, ...] = ()) -> Path:
    """Put a language with the odd kernel, or one of another kernelspec, among those that are shipped."""
    folder = place / "untrusted" / "languages" / name
    folder.mkdir()
    shutil.copy(HERE / "odd_kernel.py", folder / "kernel.py")
    (folder / "__init__.py").write_text(DESCRIPTION.format(name=name, warm_cells=warm_cells))
    text = spec if isinstance(spec, str) else json.dumps({"argv": ARGV, "display_name": name} | (spec or {}))
    (folder / "kernel.json").write_text(text)
    return folder


@contextmanager
def odd_supervisor(
    prepare: Callable[[Path], object], *languages: str, first: str = "python", **config: Any
) -> Iterator[Supervisor]:
    """Start a supervisor with the ``first`` and these languages; ``prepare`` puts them where it is told."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        prepare(ship(Path(folder)))
        supervisor = Supervisor(Path(folder), untrusted_python(), languages=(first, *languages), **config)
        try:
            assert supervisor.answer == {"listening": supervisor.port}, supervisor.answer
            yield supervisor
        finally:
            supervisor.stop()


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    """A supervisor with the odd kernel, and with one that wants to be told of interrupts by a message."""

    def prepare(place: Path) -> None:
        put(place, "odd", {"env": {"GREETING": "${GREETING}hello from $HOME", "PLAIN": "1"}}, ("x = 3",))
        # Its kernel hears no SIGINT that comes from outside.
        put(place, "told", {"interrupt_mode": "message", "argv": ["setsid", "--wait", *ARGV]})

    with odd_supervisor(prepare, "odd", "told", pool_ready=2, cell_interrupt_grace_s=2.0) as started:
        started.send(wire.Ping(1))
        started.wait(lambda frame: isinstance(frame, (wire.Hello, wire.Languages)) and is_ready(frame))
        yield started


def is_ready(frame: wire.Hello | wire.Languages) -> bool:
    """Return whether all languages have been loaded."""
    return all(report.state == "ready" for report in frame.languages)
