"""Make environments with tools that few tests need, each when it is first needed."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from harness.server import ROOT


def programs(name: str) -> Path:
    """Return the directory of the programs of requirements/NAME.txt, in an environment of their own."""
    lock, home = ROOT / "requirements" / f"{name}.txt", ROOT / ".build" / name
    home.parent.mkdir(exist_ok=True)
    with (home.parent / f"{name}.lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        stamp = home / ".stamp"
        if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
            subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
            wheels = ["--require-hashes", "--only-binary", ":all:", "-r", str(lock)]
            uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", home / "bin" / "python", *wheels]
            if subprocess.run(uv, check=False).returncode:  # pip knows more about where packages come from
                subprocess.run([home / "bin" / "python", "-m", "pip", "install", "--quiet", *wheels], check=True)
            stamp.write_bytes(lock.read_bytes())
    return home / "bin"
