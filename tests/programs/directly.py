"""Runs cells with the installed programs, without any part of the server."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COMMANDS = {
    "c": ("cell.c", "gcc -w -o cell cell.c -lm && ./cell"),
    "cpp": ("cell.cpp", "g++ -w -std=gnu++20 -o cell cell.cpp && ./cell"),
    "bash": ("cell.sh", "bash cell.sh"),
    "javascript": ("cell.js", "node cell.js"),
    "octave": ("cell.m", "octave-cli --quiet --no-history cell.m"),
    "java": ("Main.java", "java Main.java"),
}


def run_directly(language: str, cells: Sequence[str], place: Path) -> list[str]:
    """Return what the installed program of a language prints for each of these cells, alone in a directory."""

    def run(numbered: tuple[int, str]) -> str:
        number, code = numbered
        name, command = COMMANDS[language]
        directory = place / str(number)
        directory.mkdir()
        (directory / name).write_text(f"{code}\n")
        return subprocess.check_output(["bash", "-c", command], cwd=directory, text=True, timeout=60)

    with ThreadPoolExecutor(2) as programs:
        return list(programs.map(run, enumerate(cells)))
