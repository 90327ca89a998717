"""Describes how a job of each language is compiled and run, with the arguments that Jobe gives by itself."""

from __future__ import annotations

import re
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Arguments = Mapping[str, str]  # by kind (compileargs, …), as a shell reads them
# As Jobe looks for the class of a program whose file has no name.
MAIN_CLASS = re.compile(
    r"(?:^|\W)public\s+class\s+(\w+)[^{]*\{.*?(?:public\s+static|static\s+public)\s+void\s+main\s*\(\s*String",
    re.MULTILINE | re.DOTALL,
)
NO_FILE_NAME = "prog.java"  # what Jobe's clients of old call every program in Java


@dataclass(frozen=True)
class JobLanguage:
    """A language of jobs.

    ``extension``: of a source file without a name. ``compiler`` ("" for none) and ``program`` make commands of the
    shell of that name and the arguments. ``fault``: why a source cannot be compiled, where that is known without one.
    """

    extension: str
    program: Callable[[str, Arguments], str]
    compiler: Callable[[str, Arguments], str] = lambda _name, _given: ""
    arguments: Arguments = field(default_factory=dict)
    fault: Callable[[str, str], bytes] = lambda _source, _name: b""

    def name(self, asked: str, source: str) -> str:
        """Return the name of the source file."""
        if self.extension != ".java":
            return asked or f"prog{self.extension}"
        classes = MAIN_CLASS.findall(source)
        found = f"{classes[0]}.java" if len(classes) == 1 else NO_FILE_NAME
        return asked if asked not in ("", NO_FILE_NAME) else found


def _line(*words: str) -> str:
    return " ".join(filter(None, words))


def _compiler(program: str) -> Callable[[str, Arguments], str]:
    def command(name: str, given: Arguments) -> str:
        built = ("-o", shlex.quote(f"{name}.exe"), shlex.quote(name))
        return _line(program, given["compileargs"], *built, given["linkargs"])

    return command


def _interpreter(program: str) -> Callable[[str, Arguments], str]:
    def command(name: str, given: Arguments) -> str:
        return _line(shlex.quote(program), given["interpreterargs"], shlex.quote(name), given["runargs"])

    return command


def _built(name: str, given: Arguments) -> str:
    return _line(shlex.quote(f"./{name}.exe"), given["interpreterargs"], given["runargs"])


def _javac(name: str, given: Arguments) -> str:
    return _line("javac -J-XX:+UseSerialGC -J-XX:TieredStopAtLevel=1", given["compileargs"], shlex.quote(name))


def _java(name: str, given: Arguments) -> str:
    main_class = given.get("main_class") or name.partition(".")[0]
    return _line("java -XX:+UseSerialGC", given["interpreterargs"], shlex.quote(main_class), given["runargs"])


def fault_of_python(source: str, name: str) -> bytes:
    """Return what Python says to a program that it cannot compile, nothing to one that it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source.encode(), name, "exec")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return "".join(traceback.format_exception_only(error)).encode(errors="replace")
    return b""


LANGUAGES = {
    "python": JobLanguage(
        ".py", _interpreter(sys.executable), arguments={"interpreterargs": "-BE"}, fault=fault_of_python
    ),
    "c": JobLanguage(".c", _built, _compiler("gcc"), {"compileargs": "-Wall -Werror -std=c99 -x c"}),
    "cpp": JobLanguage(".cpp", _built, _compiler("g++"), {"compileargs": "-Wall -Werror"}),
    "java": JobLanguage(".java", _java, _javac, {"interpreterargs": "-Xrs -Xss8m -Xmx200m"}),
    "javascript": JobLanguage(".js", _interpreter("node"), arguments={"interpreterargs": "--use_strict"}),
    "octave": JobLanguage(
        ".m", _interpreter("octave-cli"), arguments={"interpreterargs": "--norc --no-window-system --silent -H"}
    ),
    "bash": JobLanguage(".sh", _interpreter("bash")),
}
KINDS = ("compileargs", "linkargs", "interpreterargs", "runargs")
