"""Keeps the log of the embedded MongoDB in two files of bounded size."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from pymongo.errors import PyMongoError

LOG_BYTES_MAX = 16 << 20
_log = logging.getLogger(__name__)


def log_file(directory: Path) -> Path:
    """Return the log of the mongod that works in a directory."""
    return directory / "mongod.log"


def rotate(directory: Path, reopen: Callable[[], object] = lambda: None) -> None:
    """Put a log that is too long aside, in the place of the one before. Raises OSError.

    ``reopen`` makes a mongod that runs begin a new log.
    """
    log = log_file(directory)
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.old"))
        reopen()


def try_to_rotate(directory: Path, reopen: Callable[[], object]) -> None:
    """Rotate the log of a mongod that runs; when that fails, log it: the next sweep tries again."""
    try:
        rotate(directory, reopen)
    except (OSError, PyMongoError) as error:
        _log.warning("the log of MongoDB was not rotated: %s", error)
