"""What each session has to itself: random numbers, temporary names, a directory for settings."""

from __future__ import annotations

import os
import sys
import tempfile

import sage.env
from cysignals.signals import _setup_alt_stack
from sage.misc import temporary_file
from sage.misc.randstate import current_randstate, set_random_seed

DOT_SAGE = "/tmp/.sage"
SEED_BYTES = 16


def start() -> None:
    """Start a session in a forked worker."""
    _take_places()
    _reseed()
    # Pid 1 has taken the one that was there; without it a recursion that is too deep in C could not be caught.
    _setup_alt_stack()


def _take_places() -> None:
    # The zygote's are not there in a session; modules have copies of the name.
    os.environ["DOT_SAGE"] = DOT_SAGE
    os.makedirs(DOT_SAGE, mode=0o700, exist_ok=True)
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get("DOT_SAGE") == sage.env.DOT_SAGE:
            module.__dict__["DOT_SAGE"] = DOT_SAGE
    sage.env.DOT_SAGE = DOT_SAGE
    temporary_file.TMP_DIR_FILENAME_BASE._finalizer.detach()
    temporary_file.TMP_DIR_FILENAME_BASE = tempfile.TemporaryDirectory(prefix="sage_")


def _reseed() -> None:
    # Programs that Sage starts later draw their seeds from Python's generator, which has a new one already.
    set_random_seed(int.from_bytes(os.urandom(SEED_BYTES), "big"))
    state = current_randstate()
    state.set_seed_libc(True)
    state.set_seed_ntl(True)
    state.set_seed_pari()
    state.set_seed_libgap()
