"""Runs cells with the installed programs, without any part of the server."""

from __future__ import annotations

import subprocess
from pathlib import Path

COMMANDS = {
    "c": ("cell.c", "gcc -w -o cell cell.c -lm && ./cell"),
    "cpp": ("cell.cpp", "g++ -w -std=gnu++20 -o cell cell.cpp && ./cell"),
    "bash": ("cell.sh", "bash cell.sh"),
    "javascript": ("cell.js", "node cell.js"),
    "octave": ("cell.m", "octave-cli --quiet --no-history cell.m"),
    "java": ("Main.java", "javac Main.java && java -cp . Main"),
}


def run_directly(language: str, code: str, place: Path) -> str:
    """Return what the installed program of a language prints for a cell."""
    name, command = COMMANDS[language]
    (place / name).write_text(f"{code}\n")
    return subprocess.check_output(["bash", "-c", command], cwd=place, text=True, timeout=60)
