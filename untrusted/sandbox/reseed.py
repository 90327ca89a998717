"""Gives a forked worker new randomness: every fork starts with the zygote's generators, bit for bit.

A zygote looks for them once, for a walk over all objects takes too long for each session. Generators that libraries of
a language keep in C, or in another interpreter, are that language's to seed, with its ``start``.
"""

from __future__ import annotations

import _random
import ctypes
import gc
import os
import sys
from typing import Any

SEED_BYTES = 32
_SEED48_BYTES = 6
_libc = ctypes.CDLL(None)
# What the zygote has: every random.Random, and every bit generator of NumPy, which its other generators draw from.
_randoms: list[Any] = []
_bit_generators: list[Any] = []


def find_generators() -> None:
    """Find all generators that exist now; a zygote calls it once, when it has loaded its language."""
    numpy_random = sys.modules.get("numpy.random")
    gc.unfreeze()  # frozen objects are not listed
    _randoms[:] = _instances_of(_random.Random)
    if numpy_random is not None:
        _bit_generators[:] = _instances_of(numpy_random.BitGenerator)
        for legacy in _instances_of(numpy_random.RandomState):
            # It may hold one normal number in advance, beside its bit generator.
            legacy.set_state({**legacy.get_state(legacy=False), "has_gauss": 0, "gauss": 0.0})
    gc.freeze()
    reseed()  # one that cannot be seeded ends the zygote, not its sessions


def reseed() -> None:
    """Seed the C library's generators, and those that were found, from the kernel."""
    _libc.srandom(int.from_bytes(os.urandom(4), "big"))  # rand has the same state
    _libc.seed48(os.urandom(_SEED48_BYTES))
    for generator in _randoms:
        generator.seed(int.from_bytes(os.urandom(SEED_BYTES), "big"))
    for generator in _bit_generators:
        # With the seed come its children: what ``spawn`` of a generator makes.
        generator.__setstate__(type(generator)(int.from_bytes(os.urandom(SEED_BYTES), "big")).__getstate__())


def _instances_of(kind: type) -> list[Any]:
    """Return the instances of a class, and of those derived from it, that the garbage collector knows or meets."""
    # Never by isinstance: it asks objects that stand for modules not imported yet, and so imports them.
    kinds = {id(derived) for derived in _with_derived(kind)}
    tracked = gc.get_objects()
    return list({id(one): one for one in (*tracked, *gc.get_referents(*tracked)) if id(type(one)) in kinds}.values())


def _with_derived(kind: type) -> set[type]:
    classes, new = {kind}, [kind]
    while new:
        derived: set[type] = set(type.__subclasses__(new.pop())) - classes
        classes |= derived
        new += derived
    return classes
