"""Generators that exist when a zygote has loaded its language, wherever they lie: no two of its forks draw the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FORKS = """
import functools, gc, json, os, random, sys
sys.path.insert(0, sys.argv[1])
import numpy
from numpy.random import MT19937, Generator, Philox, RandomState
from untrusted.sandbox.reseed import find_generators, reseed

class Derived(random.Random):
    pass

class Slotted:
    __slots__ = ("inner",)
    def __init__(self, inner): self.inner = inner

hidden = {1: random.Random(1)}
bound, slotted, derived = random.Random(2).random, Slotted(random.Random(3)), Derived(4)
ahead, ahead_in_numpy = random.Random(5), RandomState(5)
ahead.gauss(0, 1), ahead_in_numpy.standard_normal()
generator, legacy = Generator(Philox(6)), RandomState(MT19937(7))
sources = {
    "in a dictionary": lambda: hidden[1].random(),
    "of a bound method": bound,
    "in a slot": lambda: slotted.inner.random(),
    "of a derived class": derived.random,
    "drawn ahead": lambda: ahead.gauss(0, 1),
    "drawn ahead in NumPy": ahead_in_numpy.standard_normal,
    "a new one of NumPy": generator.random,
    "its children": lambda: generator.spawn(1)[0].random(),
    "an old one of NumPy": legacy.random_sample,
    "in a function's closure": functools.partial(lambda one: one.random(), random.Random(8)),
}
gc.freeze()
find_generators()
for _ in range(2):
    if os.fork() == 0:
        reseed()
        print(json.dumps({name: draw() for name, draw in sources.items()}), flush=True)
        os._exit(0)
    os.wait()
"""


def test_no_two_forks_draw_the_same_from_a_generator_of_their_parent(python, account):
    answer = subprocess.run(
        [python, "-I", "-B", "-c", FORKS, ROOT], capture_output=True, text=True, check=True, cwd="/", env={}, **account
    )
    one, other = map(json.loads, answer.stdout.splitlines())
    assert len(one) == 10
    assert not {name: drawn for name, drawn in one.items() if drawn == other[name]}
