"""Build the operator's packages into an environment: ``python -m host.packages look|build LIST ENVIRONMENT``.

``LIST`` is a packages.txt, ``ENVIRONMENT`` the directory of an environment that is whole. Its own packages keep their
versions; what is added lies in the folder ``added`` beside them. ``look`` prints ``built`` or ``missing``; ``build``
needs the uv that the environment's UV names. deploy/packages.sh calls both, with the system's Python.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from host.errors import EXIT_MISSING, EXIT_SETTINGS, HostError

LIST_BYTES_MAX = 64 << 10
ADDED = "added"
# An executable line of a .pth file would run as root, too; this one only names the folder, seen from site-packages.
PATH_FILE, PATH_LINE = "singlecell_added.pth", f"../../../{ADDED}\n"
# Which of the packages beside it are shown by GET /languages: a name a line (untrusted/worker/packages.py reads it).
SHOWN = "singlecell_packages.txt"
STAMP = ".stamp"
# Who ends before the tie is made sends no signal any more.
UNLESS_ORPHAN = 'test "$PPID" = "$0" || exit; exec "$@"'
FRAME = "".join(set(" ×├╰─▶│"))  # what uv draws around its reasons
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
VERSION = r"\s*(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9][A-Za-z0-9.*+!_-]*\s*"
LINE = re.compile(rf"({NAME})\s*(?:\[\s*{NAME}(?:\s*,\s*{NAME})*\s*\])?(?:{VERSION}(?:,{VERSION})*)?", re.ASCII)


def read(file: Path) -> list[str] | None:
    """Return the lines of the list that name packages; None when there is no such file. Raises HostError."""
    try:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            data = opened.read(LIST_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HostError(f"{file} cannot be read: {error.strerror}", EXIT_SETTINGS) from error
    # What it names is installed by us, who may be root.
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & stat.S_IWOTH:
        raise HostError(f"{file} can be changed by other accounts; it must belong to the operator alone", EXIT_SETTINGS)
    if len(data) > LIST_BYTES_MAX:
        raise HostError(f"{file} has more than {LIST_BYTES_MAX} bytes; a line is a package", EXIT_SETTINGS)
    lines: dict[str, tuple[int, str]] = {}
    for number, written in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", written).strip()
        if not line:
            continue
        found = LINE.fullmatch(line)
        if not found:
            raise HostError(
                f"{file}, line {number}: {line[:80]!r} is not a package; a line is a name and, where wanted, a "
                "version, as in: networkx==3.4",
                EXIT_SETTINGS,
            )
        first, _ = lines.setdefault(normal(found[1]), (number, line))
        if first != number:
            raise HostError(f"{file}, line {number}: {found[1]} is in line {first} already", EXIT_SETTINGS)
    return [line for _number, line in lines.values()]


def normal(name: str) -> str:
    """Return the name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def stamp(file: Path, wanted: Sequence[str], environment: Path) -> str:
    """Return what a folder that holds these packages is stamped with: where they are from, beside which environment."""
    return "\n".join([str(file), (environment / STAMP).read_text().strip(), *wanted, ""])


def is_built(file: Path, environment: Path) -> bool:
    """Return whether nothing is to be done for this list. Raises HostError for a list that is wrong."""
    wanted, folder = read(file), environment / ADDED
    if not wanted:
        # One environment may serve several configurations: what another one's list asked for is left to it.
        return _origin(folder) != str(file)
    try:
        return (folder / STAMP).read_text() == stamp(file, wanted, environment)
    except FileNotFoundError:
        return False


def _origin(folder: Path) -> str:
    try:
        return (folder / STAMP).read_text().partition("\n")[0]
    except FileNotFoundError:
        return ""


def build(file: Path, environment: Path, uv: str) -> str:
    """Make the folder of added packages what the list says; return what was done. Raises HostError, with no change."""
    wanted, folder = read(file) or [], environment / ADDED
    half, old = folder.with_name(f"{ADDED}.new"), folder.with_name(f"{ADDED}.old")
    for left in (half, old):
        shutil.rmtree(left, ignore_errors=True)
    done = f"{folder} goes away: {file} asks for nothing"
    try:
        if wanted:
            half.mkdir()
            added = _fill(file, wanted, environment, half, uv)
            done = f"{environment} has what {file} asks for: {', '.join(added) or 'nothing that was not there already'}"
        if folder.exists():
            folder.rename(old)
        if wanted:
            half.rename(folder)
            (_site_packages(environment) / PATH_FILE).write_text(PATH_LINE)
    except OSError as error:
        raise HostError(f"cannot write to {environment} ({error.strerror})", EXIT_MISSING) from error
    finally:
        for left in (half, old):
            shutil.rmtree(left, ignore_errors=True)
    return done


def _fill(file: Path, wanted: Sequence[str], environment: Path, half: Path, uv: str) -> list[str]:
    """Install what the environment lacks into an empty folder, and stamp it; return it as ``name==version``."""
    there = {normal(name): version for name, version in _installed(_site_packages(environment))}
    constraints, asked = half / ".there.txt", half / ".asked.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in there.items()))
    asked.write_text("".join(f"{line}\n" for line in wanted))
    wheels = ["--quiet", "--python", str(environment / "bin" / "python"), "--only-binary", ":all:"]
    chosen = _run(file, uv, "pip", "compile", *wheels, "--no-header", "--no-annotate",
                  "--constraint", str(constraints), str(asked))  # fmt: skip
    lines = [line for line in chosen.splitlines() if line.partition("==")[0] not in there]
    if lines:
        print(f"singlecell: adding {', '.join(lines)} to {environment}", file=sys.stderr, flush=True)
        asked.write_text("".join(f"{line}\n" for line in lines))
        _run(file, uv, "pip", "install", *wheels, "--no-deps", "--compile-bytecode", "--target", str(half),
             "--requirements", str(asked))  # fmt: skip
    for left in (constraints, asked):
        left.unlink()
    (half / SHOWN).write_text("".join(f"{normal(LINE.fullmatch(line)[1])}\n" for line in wanted))  # type: ignore[index]
    (half / STAMP).write_text(stamp(file, wanted, environment))
    # uv leaves a file that everybody may write; strangers' code may read all of this and write nothing.
    subprocess.run(["chmod", "-R", "a+rX,go-w", str(half)], check=True)
    return lines


def _site_packages(environment: Path) -> Path:
    found = next(environment.glob("lib/python3.*/site-packages"), None)
    if found is None:
        raise HostError(f"{environment} is no environment of Python", EXIT_MISSING)
    return found


def _installed(site_packages: Path) -> list[tuple[str, str]]:
    """Return name and version of each package, from the names of the folders that describe them."""
    described = (path.name.removesuffix(".dist-info") for path in site_packages.glob("*.dist-info"))
    return [(name, version) for name, _, version in (text.partition("-") for text in described)]


def _run(file: Path, uv: str, *arguments: str) -> str:
    """Run uv, which ends with us; return what it printed. Raises HostError with its reason."""
    argv = ["setpriv", "--pdeathsig", "TERM", "--", "sh", "-c", UNLESS_ORPHAN, str(os.getpid()), uv, *arguments]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HostError(
            f"what {file} asks for cannot be had, and all stays as it was: {_reason(done.stderr)}", EXIT_MISSING
        )
    return done.stdout


def _reason(said: str) -> str:
    """Return uv's reason as one line."""
    lines = [line.lstrip(FRAME).rstrip() for line in said.splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith("hint:"))
    begin = next((text.index(word) for word in ("Because ", "Failed to fetch") if word in text), 0)
    return text[begin:].removeprefix("error: ") or "uv gave no reason"


def main() -> int:
    """Look or build; return the exit code."""
    what, file, environment = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    try:
        if what == "look":
            print("built" if is_built(file, environment) else "missing")
        else:
            print(f"singlecell: {build(file, environment, os.environ['UV'])}", file=sys.stderr, flush=True)
    except HostError as error:
        print(f"singlecell: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
