"""Compiles the one list of allowed system calls to the program that the kernel runs at each call.

The program looks for the call's number among ranges that have one answer, as in a binary search, then at arguments.
Names are listed in ``allowed_calls.py``, the rules of some in ``call_rules.py``, numbers in ``call_numbers.py``.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable

from untrusted.sandbox import SandboxError, syscalls
from untrusted.sandbox.allowed_calls import ALLOWED, MISSING, UNSEEN, names
from untrusted.sandbox.call_numbers import numbers_of
from untrusted.sandbox.call_rules import RULES, WORD, Condition, Rule

# linux/seccomp.h, linux/audit.h; offsets into struct seccomp_data of a little-endian machine
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
# linux/bpf_common.h
_LOAD, _AND, _JUMP, _JUMP_EQUAL, _JUMP_NOT_BELOW, _RETURN = 0x20, 0x54, 0x05, 0x15, 0x35, 0x06
_JUMP_MAX = 255
# The calls of x32 are those of x86-64 with this bit.
_X32_BIT = 0x40000000

# An answer that needs no look at arguments, or a rule.
Answer = int | Rule
_Code = list[tuple[int, int, int, int]]


def compile_program(memory_is_seen: bool, further: Iterable[str] = (), machine: str = syscalls.MACHINE) -> bytes:
    """Return the filter as BPF, 8 bytes an instruction.

    ``memory_is_seen``: where no limiter sees all memory, the filter refuses ``UNSEEN``, too. ``further``: names of
    calls that a language adds. Raises SandboxError for a name that is no call's.
    """
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        # A 32-bit call has other numbers, and would pass by every rule.
        (_JUMP_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
        *_search(_ranges(answers(memory_is_seen, further, machine))),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def answers(memory_is_seen: bool, further: Iterable[str], machine: str) -> dict[int, Answer]:
    """Return what the filter says to each number that has a call. Raises SandboxError for a name that is no call's."""
    every = {name for known in _ARCHITECTURES for name in numbers_of(known)}
    further = tuple(further)
    unknown = sorted({*names(ALLOWED), *names(MISSING), *further, *RULES} - every)
    if unknown:
        raise SandboxError(f"there is no system call {unknown[0]!r}")
    said: dict[str, Answer] = dict.fromkeys(every, _ERRNO | errno.EPERM)
    said |= dict.fromkeys(names(MISSING), _ERRNO | errno.ENOSYS)
    said |= dict.fromkeys([*names(ALLOWED), *further], _ALLOW)
    said |= RULES  # also where a language adds a call that has one
    if not memory_is_seen:
        said |= dict.fromkeys(UNSEEN.split(), _ERRNO | errno.ENOSYS)
    return {number: said[name] for name, number in numbers_of(machine).items()}


def _ranges(answer_to: dict[int, Answer]) -> list[tuple[int, Answer]]:
    """Return the first number of each range of calls that get the same answer, with that answer, from 0 to the last.

    What has no name here is newer than this list, or no call: it looks missing.
    """
    nothing = _ERRNO | errno.ENOSYS
    bounds = sorted({0, _X32_BIT, *answer_to, *(number + 1 for number in answer_to)})
    found: list[tuple[int, Answer]] = []
    for first in bounds:
        answer = answer_to.get(first, _KILL_PROCESS if first >= _X32_BIT else nothing)
        if not found or found[-1][1] != answer:
            found.append((first, answer))
    return found


def _search(ranges: list[tuple[int, Answer]]) -> _Code:
    if len(ranges) == 1:
        answer = ranges[0][1]
        return _judge(answer) if isinstance(answer, Rule) else [(_RETURN, 0, 0, answer)]
    middle = len(ranges) // 2
    below, above = _search(ranges[:middle]), _search(ranges[middle:])
    pivot = ranges[middle][0]
    if len(below) <= _JUMP_MAX:
        return [(_JUMP_NOT_BELOW, len(below), 0, pivot), *below, *above]
    return [(_JUMP_NOT_BELOW, 0, 1, pivot), (_JUMP, 0, 0, len(below)), *below, *above]


def _judge(rule: Rule) -> _Code:
    """Return the code that answers by arguments: each alternative ends by allowing, or goes on to the next."""
    code: _Code = []
    for alternative in rule.alternatives:
        steps: _Code = [(_RETURN, 0, 0, _ALLOW)]
        for condition in reversed(alternative):
            steps = [*_test(condition, len(steps)), *steps]
        code += steps
    return [*code, (_RETURN, 0, 0, _ERRNO | rule.otherwise)]


def _test(condition: Condition, following: int) -> _Code:
    """Return the code that goes on when the condition holds, and otherwise leaps over what follows."""
    beginning: _Code = [(_LOAD, 0, 0, _ARGUMENTS + 8 * condition.argument)]
    if condition.mask != WORD:
        beginning.append((_AND, 0, 0, condition.mask))
    count = len(condition.values)
    if not condition.wanted:
        leaps = [count - 1 - place + following for place in range(count)]
        comparisons = [(_JUMP_EQUAL, leap, 0, value) for leap, value in zip(leaps, condition.values, strict=True)]
        return [*beginning, *comparisons]
    comparisons = [
        (_JUMP_EQUAL, count - 1 - place, 0, value) for place, value in enumerate(condition.values[:-1])
    ]
    return [*beginning, *comparisons, (_JUMP_EQUAL, 0, following, condition.values[-1])]
