"""New randomness for a forked worker: every fork starts with the zygote's generators, bit for bit."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable

SEED_BYTES = 32
# For languages that bring generators of their own (PARI, GAP, R): called with SEED_BYTES random bytes.
hooks: list[Callable[[bytes], None]] = []


def reseed() -> None:
    """Seed Python's and NumPy's global generators, and those of the hooks, from the kernel."""
    random.seed(os.urandom(SEED_BYTES))
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()  # the legacy generator, fresh from the kernel
    for hook in hooks:
        hook(os.urandom(SEED_BYTES))
