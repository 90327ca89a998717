"""Gives each session what it has to itself: random numbers, temporary names, a directory for settings."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from types import ModuleType

import sage.env
from cysignals.signals import _setup_alt_stack
from sage.libs.ecl import ecl_eval
from sage.libs.singular.function import singular_function
from sage.misc import temporary_file
from sage.misc.randstate import current_randstate, set_random_seed

DOT_SAGE = "/tmp/.sage"
SEED_BITS = 128
WORD_BITS = 32
# Lisp's own generator, and Maxima's, which takes a vector of words; both lie in the one Lisp of this process.
LISP_SEEDED = """
(setf *random-state* (make-random-state t)
      mt19937::*random-state* (mt19937::make-random-object :state (mt19937::init-random-state
          (make-array {count} :element-type '(unsigned-byte 32) :initial-contents '({words})))))
"""
_singular_system = singular_function("system")
_modules_with_place: list[ModuleType] = []


def prepare() -> None:
    """Do once, in the zygote and after all else, what every session profits from."""
    # Sessions make their own; the zygote's would stay on the host for good.
    temporary_file.TMP_DIR_FILENAME_BASE.cleanup()
    # Modules have copies of the name. To look at all of them in each session costs it 11 ms.
    _modules_with_place[:] = [
        module
        for module in list(sys.modules.values())
        if getattr(module, "__dict__", {}).get("DOT_SAGE") == sage.env.DOT_SAGE
    ]


def start() -> None:
    """Start a session in a forked worker."""
    _take_places()
    _reseed()
    # Pid 1 has taken the one that was there; without it a recursion that is too deep in C could not be caught.
    _setup_alt_stack()


def _take_places() -> None:
    # The zygote's are not there in a session.
    os.environ["DOT_SAGE"] = DOT_SAGE
    os.makedirs(DOT_SAGE, mode=0o700, exist_ok=True)
    for module in _modules_with_place:
        module.__dict__["DOT_SAGE"] = DOT_SAGE
    temporary_file.TMP_DIR_FILENAME_BASE._finalizer.detach()
    temporary_file.TMP_DIR_FILENAME_BASE = tempfile.TemporaryDirectory(prefix="sage_")


def _reseed() -> None:
    # Programs that Sage starts later draw their seeds from this one, or from Python's, which is seeded already.
    set_random_seed(secrets.randbits(SEED_BITS))
    state = current_randstate()
    state.set_seed_libc(True)
    state.set_seed_ntl(True)
    state.set_seed_pari()
    state.set_seed_libgap()
    words = [str(secrets.randbits(WORD_BITS)) for _ in range(SEED_BITS // WORD_BITS)]
    ecl_eval(LISP_SEEDED.format(count=len(words), words=" ".join(words)))
    _singular_system("random", secrets.randbits(WORD_BITS - 1))
