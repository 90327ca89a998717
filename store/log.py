"""The embedded MongoDB's log: two files of bounded size."""

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


def rotate(directory: Path, reopen: Callable[[], None] = lambda: None) -> None:
    """Put a log that is long enough aside, in the place of the one before. Raises OSError.

    ``reopen``: has a mongod that runs begin another one.
    """
    log = log_file(directory)
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.old"))
        reopen()


def try_to_rotate(directory: Path, reopen: Callable[[], None]) -> None:
    """Rotate the log of a mongod that runs; where that cannot be done now, it is tried again later."""
    try:
        rotate(directory, reopen)
    except (OSError, PyMongoError) as error:
        _log.warning("MongoDB's log was not rotated: %s", error)
