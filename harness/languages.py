"""Find which languages are installed on this machine, and where."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from harness.processes import untrusted_python

# Of languages that are not built but installed: the file by which they are found.
KERNELSPECS = {"r": Path("/usr/share/jupyter/kernels/ir/kernel.json")}
# Of languages that a program of the host runs.
PROGRAMS = {
    "c": "gcc", "cpp": "g++", "bash": "bash", "javascript": "node", "octave": "octave-cli", "java": "javac",
}  # fmt: skip


def environments() -> Path:
    """Return the directory in which the environments of languages lie."""
    # The environment may be a link to where root keeps it; its Python always is one to the system's.
    return Path(untrusted_python()).absolute().parents[1].resolve().parent


def language_python(name: str) -> Path:
    """Return the interpreter of a language that is installed."""
    return environments() / name / "bin" / "python"


def has_ffmpeg(name: str) -> bool:
    """Return whether cells of a language can make videos: with the system's ffmpeg or with imageio-ffmpeg's."""
    script = "import shutil, importlib.util as u; print(bool(shutil.which('ffmpeg') or u.find_spec('imageio_ffmpeg')))"
    return subprocess.check_output([language_python(name), "-c", script], text=True).strip() == "True"


def is_installed(name: str) -> bool:
    """Return whether the environment of a language is there and whole, or its kernel or program is."""
    if name in KERNELSPECS:
        return KERNELSPECS[name].exists()
    if name in PROGRAMS:
        return shutil.which(PROGRAMS[name]) is not None
    return (environments() / name / ".stamp").exists()
