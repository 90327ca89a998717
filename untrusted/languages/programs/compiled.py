"""Compiles a cell of C, C++ or Java, which is a whole program, and runs it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from untrusted.languages.programs.errors import CompileError, ended, stopped
from untrusted.languages.programs.running import run

# A pipe is no terminal, so libc would keep lines back, also those before a question and before a crash.
AS_IN_A_TERMINAL = """#include <stdio.h>
__attribute__((constructor)) static void write_lines(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IOLBF, 0);
}
"""
C = ("gcc", "-std=gnu17")
CPP = ("g++", "-std=gnu++20")
WARNINGS = ("-O1", "-g", "-Wall", "-pipe")
# One processor and a share of the session's memory; without it the machine's own size would count.
JAVA = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto", "-Xmx320m")
FIRST_ERROR = re.compile(r"^\w+\.(?:c|cpp|java):(\d+)(?::\d+)?: (?:fatal )?error: (.*)$", re.MULTILINE)
NO_MAIN = re.compile(r"undefined reference to `main'")
CLASS_OF_MAIN = re.compile(r"\b(?:class|record|enum|interface)\s+(\w+)|\bvoid\s+main\s*\(")
PUBLIC_CLASS = re.compile(r"^\s*public\s+(?:\w+\s+)*?(?:class|record|enum|interface)\s+(\w+)", re.MULTILINE)


def run_c(code: str, compiler: Sequence[str], file_name: str) -> None:
    """Run a program in C or C++. Raises ProgramError, KeyboardInterrupt."""
    with tempfile.TemporaryDirectory(prefix="cell-") as directory:
        place = Path(directory)
        (place / file_name).write_text(f"{code}\n")
        (place / "terminal.c").write_text(AS_IN_A_TERMINAL)
        compile_in(place, [*compiler, *WARNINGS, file_name, "terminal.c", "-o", "cell", "-lm", "-pthread"])
        conclude(run([str(place / "cell")]))


def run_java(code: str) -> None:
    """Run a program in Java. Raises ProgramError, KeyboardInterrupt."""
    with tempfile.TemporaryDirectory(prefix="cell-") as directory:
        place, public = Path(directory), PUBLIC_CLASS.search(code)
        file_name = f"{public[1] if public else 'Main'}.java"
        (place / file_name).write_text(f"{code}\n", encoding="utf-8")
        options = [f"-J{option}" for option in JAVA]
        compile_in(place, ["javac", *options, "-encoding", "UTF-8", "-d", ".", file_name])
        conclude(run(["java", *JAVA, "-cp", directory, class_of_main(code)]))


def class_of_main(code: str) -> str:
    """Return the name of the class in which ``main`` stands. Raises CompileError."""
    name = ""
    for match in CLASS_OF_MAIN.finditer(code):
        if match[1] is None and name:
            return name
        name = match[1] or ""
    raise CompileError("a cell is a whole program: it needs a class with a method main")


def compile_in(place: Path, command: list[str]) -> None:
    """Run a compiler and show what it says. Raises CompileError, KeyboardInterrupt."""
    with subprocess.Popen(
        command, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        encoding="utf-8", errors="replace", start_new_session=True,
    ) as compiler:  # fmt: skip
        try:
            said, _ = compiler.communicate()
        except KeyboardInterrupt:
            compiler.kill()
            raise stopped("the compiler was stopped") from None
    if compiler.returncode and NO_MAIN.search(said):
        raise CompileError("a cell is a whole program: it needs a function main")
    sys.stderr.write(said)
    if compiler.returncode:
        first = FIRST_ERROR.search(said)
        why = f"line {first[1]}: {first[2]}" if first else "the program cannot be built; see above for the reason"
        raise CompileError(why)


def conclude(exit_code: int) -> None:
    """Raise the ProgramError of an exit code that is not 0."""
    if exit_code:
        raise ended(exit_code)
