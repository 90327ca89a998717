"""The filter, call by call: what its program says of each call that the newest kernel's headers know.

``kernel_calls.csv`` holds these calls (Linux 7.2, ``asm/unistd_64.h`` of both architectures), each with its decision. A
call that a newer kernel brings is added there, and decided: allowed, rules (allowed with certain arguments), EPERM,
or ENOSYS for what programs can do without.
"""

from __future__ import annotations

import csv
import fcntl
import re
import socket
from pathlib import Path

import pytest

from tests.untrusted.sandbox import bpf
from untrusted.sandbox import SandboxError, call_rules
from untrusted.sandbox.allowed_calls import UNSEEN
from untrusted.sandbox.call_numbers import numbers_of
from untrusted.sandbox.seccomp import compile_program

HERE = Path(__file__).parent
HEADERS = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm/unistd_64.h")
MACHINES = ("x86_64", "aarch64")
with (HERE / "kernel_calls.csv").open() as file:
    CALLS = {row["call"]: row for row in csv.DictReader(file)}
PROGRAMS = {machine: compile_program(True, machine=machine) for machine in MACHINES}
INSTRUCTIONS_MAX = 4096  # the kernel's own bound
UPPER_HALF = 0xDEADBEEF << 32


def say(machine: str, name: str, *arguments: int, program: bytes = b"") -> str:
    """Return what the filter says of a call."""
    number = numbers_of(machine)[name]
    return bpf.answer(program or PROGRAMS[machine], bpf.ARCHITECTURES[machine], number, arguments)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_gets_the_answer_that_was_decided_for_it(name):
    for machine in MACHINES:
        if CALLS[name][machine]:
            assert numbers_of(machine)[name] == int(CALLS[name][machine])
            decision = CALLS[name]["decision"]
            assert decision in ("allowed", "EPERM", "ENOSYS", "rules")
            assert (decision == "rules") == (name in call_rules.RULES)
            if decision != "rules":
                assert say(machine, name) == say(machine, name, *[UPPER_HALF | 0xFFFFFFFF] * 6) == decision


def test_the_list_names_no_call_that_the_table_does_not_decide():
    assert {name for machine in MACHINES for name in numbers_of(machine)} == set(CALLS)


def test_every_call_that_this_machines_headers_know_is_decided():
    found = [header for header in HEADERS if header.exists()]
    if not found:
        pytest.skip("no headers of Linux are installed here")
    known = set(re.findall(r"#define __NR_(\w+)\s+\d", found[0].read_text()))
    assert known - set(CALLS) == set()


@pytest.mark.parametrize("machine", MACHINES)
def test_a_number_that_no_call_has_looks_missing(machine):
    taken = set(numbers_of(machine).values())
    newest = max(taken)
    numbers = {*range(newest + 300), 0x3FFFFFFF, 512, 547} - taken
    said = {bpf.answer(PROGRAMS[machine], bpf.ARCHITECTURES[machine], number) for number in numbers}
    assert newest + 1 in numbers and said == {"ENOSYS"}


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_another_architecture_and_of_x32_kill(machine):
    foreign = {bpf.X86_64, bpf.AARCH64, bpf.I386, bpf.ARM} - {bpf.ARCHITECTURES[machine]}
    for number in (0, 39, 57, 500):
        for architecture in foreign:
            assert bpf.answer(PROGRAMS[machine], architecture, number) == "killed"
        x32 = number | 0x40000000
        assert bpf.answer(PROGRAMS[machine], bpf.ARCHITECTURES[machine], x32) == "killed"
    assert bpf.answer(PROGRAMS[machine], bpf.ARCHITECTURES[machine], 0xFFFFFFFF) == "killed"


# (call, arguments, the answer): at each rule one that passes, and each that must not.
RULED = [
    ("clone", (0x1200011,), "allowed"),
    ("clone", (0x3D0F00,), "allowed"),  # a thread
    *[("clone", (flag | 17,), "EPERM") for flag in (0x20000, *(1 << bit for bit in range(25, 31)))],
    ("socket", (socket.AF_UNIX, 1, 0), "allowed"),
    *[("socket", (family, 1, 0), "EAFNOSUPPORT") for family in (0, 2, 10, 16, 17, 38, 40, 44)],
    ("socketpair", (socket.AF_UNIX, 1, 0, 0), "allowed"),
    ("socketpair", (2, 1, 0, 0), "EAFNOSUPPORT"),
    *[("setsockopt", (3, socket.SOL_SOCKET, option), "allowed") for option in (2, 7, 8, 16, 20, 67)],
    *[("setsockopt", (3, socket.SOL_SOCKET, option), "EPERM") for option in (26, 27, 44, 50, 51, 52, 85)],
    *[("setsockopt", (3, level, 2), "EPERM") for level in (0, 6, 41, 271)],
    *[("fcntl", (3, command), "allowed") for command in (*range(10), 36, 37, 38, fcntl.F_DUPFD_CLOEXEC, 1033)],
    *[("fcntl", (3, command), "EPERM") for command in (10, 15, 1024, fcntl.F_NOTIFY, 1031, 1040, 1041, 99)],
    *[("ioctl", (0, request), "allowed") for request in (0x5401, 0x5413, 0x541B, 0x80045430, 0x5441)],
    *[("ioctl", (0, request), "EPERM") for request in (0x5412, 0x541C, 0x5423, 0xC0045877, 0x1261, 0)],
    ("personality", (0xFFFFFFFF,), "allowed"),
    ("personality", (0,), "allowed"),
    *[("personality", (value,), "EPERM") for value in (0x40000, 8, 0x7FFFFFFF, 0xFFFFFFFE)],
    *[("sched_setscheduler", (0, policy), "allowed") for policy in (0, 3, 5, 0x40000003)],
    *[("sched_setscheduler", (0, policy), "EPERM") for policy in (1, 2, 6, 7, 0x40000001)],
    ("prctl", (1, 9), "allowed"),
    *[("prctl", (1, number), "EPERM") for number in (0, 15, 8, 10)],
    *[("prctl", (option,), "allowed") for option in (15, 38, 36, 3)],
    ("prctl", (4, 1), "allowed"),
    *[("prctl", (4, value), "EPERM") for value in (0, 2)],
    *[("prctl", (option, 2), "EPERM") for option in (22, 35, 59, 62, 67, 78, 0x53564D41, 0x59616D61)],
    ("preadv2", (3, 0, 1, 0, 0, 0x17), "allowed"),
    *[("preadv2", (3, 0, 1, 0, 0, flag), "ENOTSUP") for flag in (8, 0x80, 0x20)],
    *[("fadvise64", (3, 0, 0, advice), "allowed") for advice in (0, 1, 2, 3, 5)],
    *[("fadvise64", (3, 0, 0, advice), "EPERM") for advice in (4, 6, 7)],
    *[("madvise", (0, 4096, advice), "allowed") for advice in (0, 4, 8, 13, 14)],
    ("madvise", (0, 4096, 12), "EINVAL"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "decision"), RULED)
def test_arguments_are_judged_by_the_half_that_the_kernel_reads(name, arguments, decision):
    for machine in MACHINES:
        assert say(machine, name, *arguments) == decision
        # Whatever stands in the other half neither opens nor closes anything.
        assert say(machine, name, *(argument | UPPER_HALF for argument in arguments)) == decision


def test_every_rule_is_tried_with_what_passes_and_what_does_not():
    for name in call_rules.RULES:
        assert {decision == "allowed" for tried, _arguments, decision in RULED if tried == name} == {True, False}


@pytest.mark.parametrize("machine", MACHINES)
def test_memory_that_no_limiter_sees_looks_missing_and_nothing_else_changes(machine):
    narrower = compile_program(False, machine=machine)
    for name in numbers_of(machine):
        said = say(machine, name, program=narrower)
        assert said == ("ENOSYS" if name in UNSEEN.split() else say(machine, name)), name


@pytest.mark.parametrize("machine", MACHINES)
def test_a_language_adds_calls_of_its_own_and_nothing_else_changes(machine):
    wider = compile_program(True, ["vmsplice", "inotify_init1"], machine)
    for name in numbers_of(machine):
        added = name in ("vmsplice", "inotify_init1")
        assert say(machine, name, program=wider) == ("allowed" if added else say(machine, name)), name


def test_a_language_that_asks_for_no_call_is_refused_with_a_sentence():
    with pytest.raises(SandboxError, match="there is no system call 'inotfy'"):
        compile_program(True, ["inotfy"])


def test_the_program_is_short_and_a_plain_call_is_found_in_a_few_steps():
    for program in PROGRAMS.values():
        assert len(program) // 8 < INSTRUCTIONS_MAX // 8
