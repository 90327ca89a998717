"""Copy the code that root's services run to where the trusted account can read it and only root can change it.

The checkout itself may lie in a home directory that only its owner can enter.
"""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from host.layout import CHECKOUT, Account, give

FILES = (
    "web_server.py", "trusted_db.py", "settings.py", "settings_check.py", "config_file.py", "log_lines.py",
    "jupyter.py", "wire.py", "contract.py",
    "singlecell_config.py.default",
)  # fmt: skip
ROOMS = ("store", "web", "device", "untrusted", "static", "templates")
HASH_CHARS = 16


def copy_app(parent: Path, trusted: Account) -> Path:
    """Return ``parent/<hash of the product's files>``, made if it is not there; copies that nobody runs are removed.

    The copy is held by a shared lock until this process ends.
    """
    parent.mkdir(parents=True, exist_ok=True)
    give(parent, trusted, 0o750)
    files = sorted(_product_files())
    copy = parent / _hash(files)
    while not _hold(copy):
        _copy(files, copy, trusted)
    for other in parent.iterdir():
        if other != copy and other.is_dir():
            _remove_unused(other)
    return copy


def _product_files() -> list[Path]:
    files = [CHECKOUT / name for name in FILES if (CHECKOUT / name).exists()]
    for room in ROOMS:
        for path in (CHECKOUT / room).rglob("*"):
            if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts:
                files.append(path)
    return files


def _hash(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(CHECKOUT)}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:HASH_CHARS]


def _copy(files: list[Path], copy: Path, trusted: Account) -> None:
    half = copy.with_name(f"{copy.name}.{os.getpid()}")
    half.mkdir()
    _lock(half, fcntl.LOCK_SH)  # else a launcher that starts at the same time takes it for one that nobody runs
    for file in files:
        target = half / file.relative_to(CHECKOUT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    # The account cannot write compiled files there, and compiling anew at each start would cost a second.
    compileall.compile_dir(half, quiet=2, stripdir=str(half), prependdir=str(copy))
    for directory, _directories, names in os.walk(half):
        give(Path(directory), trusted, 0o750)
        for name in names:
            give(Path(directory, name), trusted, 0o640)
    try:
        half.rename(copy)
    except OSError:  # another launcher was quicker
        shutil.rmtree(half)


def _hold(copy: Path) -> bool:
    """Hold a copy; return False when there is none: a launcher of another checkout may remove it before we hold it."""
    try:
        descriptor = _lock(copy, fcntl.LOCK_SH)
        if os.path.samestat(os.fstat(descriptor), copy.stat()):
            return True
    except FileNotFoundError:
        return False
    os.close(descriptor)
    return False


def _lock(directory: Path, kind: int) -> int:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(descriptor, kind)
    return descriptor


def _remove_unused(directory: Path) -> None:
    try:
        descriptor = _lock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    shutil.rmtree(directory, ignore_errors=True)
    os.close(descriptor)
