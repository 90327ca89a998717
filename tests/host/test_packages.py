"""An operator's packages.txt adds packages to an environment; what is wrong with it changes nothing.

Small packages of our own stand in for those of the world, in a folder instead of an index.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.processes import all_end, start
from harness.server import ROOT
from host import packages
from host.errors import EXIT_MISSING, EXIT_SETTINGS, HostError
from untrusted.worker import packages as shown_packages

DEADLINE_S = 60.0
UV = Path(sys.executable).with_name("uv")
# Stands before uv: where there is a file `hang`, what is added is not installed but waited for.
SLOW_UV = """#!/bin/sh
case "$*" in *--target*) if [ -e "{hang}" ]; then touch "{hang}s"; exec sleep 1000; fi ;; esac
exec "{uv}" "$@"
"""
# name, version: what it needs
WORLD = {
    ("base", "1.0"): "", ("base", "2.0"): "", ("alone", "1.0"): "", ("alone", "2.0"): "",
    ("With.Base", "1.0"): "base, alone<2", ("newer", "1.0"): "base>=2",
}  # fmt: skip


@dataclass
class Workshop:
    """A checkout with the scripts, an environment of one package, ``base``, and the operator's list."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def list(self) -> Path:
        """The operator's list."""
        return self.folder / "etc" / "packages.txt"

    @property
    def environment(self) -> Path:
        """The environment that is added to."""
        return self.folder / "prefix" / "untrusted"

    @property
    def argv(self) -> list[str]:
        """What ``make packages`` runs."""
        return ["sh", str(self.folder / "checkout" / "deploy" / "bootstrap.sh"), "packages"]

    @property
    def whole_env(self) -> dict[str, str]:
        """The environment for it."""
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "PREFIX": str(self.folder / "prefix"),
            "SINGLECELL_CONFIG": str(self.list.with_name("singlecell_config.py")), "UV": str(self.folder / "uv"),
            "UV_DEFAULT_INDEX": (self.folder / "index").as_uri(), **self.env,
        }  # fmt: skip

    def make(self, text: str | None = None) -> tuple[int, str]:
        """Write the list and run it; return the exit code and the last sentence."""
        if text is not None:
            self.list.write_text(text)
        done = subprocess.run(
            self.argv, env=self.whole_env, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        assert done.stdout == ""
        return done.returncode, done.stderr.removesuffix("\n").rpartition("\n")[2].removeprefix("singlecell: ")

    def found(self, *names: str) -> list[str]:
        """Return what Python finds there of these modules, each with its version."""
        code = "import importlib, sys\nfor name in sys.argv[1:]:\n    try: print(importlib.import_module(name).NAMED)\n"
        code += "    except ImportError: pass"
        argv = [str(self.environment / "bin" / "python"), "-I", "-c", code, *names]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()

    def shown(self) -> dict[str, str]:
        """Return what GET /languages would show."""
        (site_packages,) = self.environment.glob("lib/python3.*/site-packages")
        return shown_packages.installed([str(site_packages), str(self.environment / "added")])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A workshop whose environment has been built, without a list."""
    made = Workshop(tmp_path_factory.mktemp("packages") / "a workshop")
    requirements = made.folder / "checkout" / "requirements"
    requirements.mkdir(parents=True)
    for room in ("deploy", "host"):
        shutil.copytree(ROOT / room, requirements.parent / room, ignore=shutil.ignore_patterns("__pycache__"))
    wheels = {about: make_wheel(made.folder / "index", *about, needs) for about, needs in WORLD.items()}
    base = hashlib.sha256(wheels["base", "1.0"].read_bytes()).hexdigest()
    (requirements / "untrusted.in").write_text("# What is there.\nbase==1.0  # the first\n")
    (requirements / "untrusted.txt").write_text(f"base==1.0 \\\n    --hash=sha256:{base}\n")
    made.list.parent.mkdir()
    (made.folder / "uv").write_text(SLOW_UV.format(hang=made.folder / "hang", uv=UV))
    (made.folder / "uv").chmod(0o755)
    assert made.make()[0] == 0 and made.found("base", "alone") == ["base 1.0"]
    return made


@pytest.fixture
def workshop(built: Workshop, tmp_path: Path) -> Workshop:
    """A workshop of the test's own."""
    own = Workshop(tmp_path / "a workshop")
    shutil.copytree(built.folder, own.folder, symlinks=True)
    (own.folder / "uv").write_text(SLOW_UV.format(hang=own.folder / "hang", uv=UV))
    return own


def make_wheel(index: Path, name: str, version: str, needs: str) -> Path:
    """Return a package with one module, in a folder that serves as an index."""
    module = name.lower().replace(".", "_")
    folder = index / packages.normal(name)
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-{version}-py3-none-any.whl"
    required = "".join(f"Requires-Dist: {need.strip()}\n" for need in needs.split(",") if need)
    metadata = {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}",
                "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n", "RECORD": ""}  # fmt: skip
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{module}.py", f"NAMED = '{module} {version}'\n")
        for part, text in metadata.items():
            archive.writestr(f"{module}-{version}.dist-info/{part}", text)
    links = "".join(f'<a href="{path.name}">{path.name}</a>' for path in sorted(folder.glob("*.whl")))
    (folder / "index.html").write_text(links)
    return wheel


def test_a_line_brings_a_package_and_what_it_needs_and_what_is_there_stays(workshop: Workshop) -> None:
    code, said = workshop.make("# for the course on graphs\n\nwith-base  # and more\n")
    assert code == 0, said
    assert said.endswith("packages.txt asks for: alone==1.0, with-base==1.0")
    assert workshop.found("base", "alone", "with_base") == ["base 1.0", "alone 1.0", "with_base 1.0"]
    assert workshop.shown() == {"base": "1.0", "with-base": "1.0"}
    assert list(workshop.environment.glob("added/__pycache__/alone*.pyc")), "every session would compile it anew"
    for path in workshop.environment.glob("added/**/*"):
        assert path.stat().st_mode & 0o044 == 0o044 and path.stat().st_mode & 0o022 == 0, path
    assert {path.name for path in workshop.environment.glob("added*")} == {"added"}


def test_a_list_that_has_not_changed_asks_nobody(workshop: Workshop) -> None:
    workshop.make("alone\n")
    workshop.env["UV"] = "/no/such/program"
    assert workshop.make("alone\n") == (0, "")


def test_a_list_that_changes_changes_what_is_there(workshop: Workshop) -> None:
    workshop.make("alone\n")
    assert workshop.found("alone") == ["alone 2.0"]
    workshop.make("alone==1.0\nwith.base\n")
    assert workshop.found("alone", "with_base") == ["alone 1.0", "with_base 1.0"]
    workshop.make("with_base>=1, <2\n")
    assert workshop.shown() == {"base": "1.0", "with-base": "1.0"}


@pytest.mark.parametrize("gone", ["an empty list", "no list"])
def test_what_no_list_asks_for_any_more_goes_away(workshop: Workshop, gone: str) -> None:
    workshop.make("alone\n")
    if gone == "no list":
        workshop.list.unlink()
        assert workshop.make()[0] == 0
    else:
        assert workshop.make("# nothing\n")[0] == 0
    assert workshop.found("base", "alone") == ["base 1.0"]
    assert not list(workshop.environment.glob("added*"))


def test_another_configuration_without_a_list_leaves_what_is_there(workshop: Workshop) -> None:
    workshop.make("alone\n")
    workshop.env["SINGLECELL_CONFIG"] = str(workshop.folder / "singlecell_config.py")
    assert workshop.make()[0] == 0
    assert workshop.found("alone") == ["alone 2.0"]


def test_an_environment_that_is_built_anew_gets_them_again(workshop: Workshop) -> None:
    workshop.make("alone\n")
    lock = workshop.folder / "checkout" / "requirements" / "untrusted.txt"
    lock.write_text(f"# changed\n{lock.read_text()}")
    assert workshop.make()[0] == 0
    assert workshop.found("base", "alone") == ["base 1.0", "alone 2.0"]


NOT_TO_BE_HAD = {
    "no such package": ("nothing-of-that-name", "nothing-of-that-name was not found"),
    "no such version": ("alone==3.0", "there is no version of alone==3.0"),
    "needs another version of ours": ("newer", "base==1.0"),
    "another version of ours": ("base==2.0", "base==1.0"),
}


def test_a_package_that_cannot_be_had_is_a_sentence_and_all_stays(workshop: Workshop) -> None:
    workshop.make("alone==1.0\n")
    for line, reason in NOT_TO_BE_HAD.values():
        code, said = workshop.make(f"with-base\n{line}\n")
        assert code == EXIT_MISSING
        assert said.startswith(f"what {workshop.list} asks for cannot be had, and all stays as it was: ")
        assert reason in said
        assert workshop.found("base", "alone", "newer") == ["base 1.0", "alone 1.0"]
        assert {path.name for path in workshop.environment.glob("added*")} == {"added"}
    assert workshop.make("alone==1.0\n") == (0, "")


NO_PACKAGES = [
    "-r other.txt", "--index-url https://example.org/simple", "-e .", "./alone", "alone @ https://example.org/a.whl",
    "git+https://example.org/alone", "alone; python_version > '3'", "alone beside", "alone==", "alone=1.0", "$(id)",
    "alone[", "álone", "-alone", "alone\\", "\x00",
]  # fmt: skip


@pytest.mark.parametrize("line", NO_PACKAGES)
def test_a_line_that_is_no_package_is_named_with_its_file_and_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / "packages.txt"
    file.write_text(f"# one\nalone\n{line}\n")
    with pytest.raises(HostError) as refused:
        packages.read(file)
    assert refused.value.exit_code == EXIT_SETTINGS
    assert str(refused.value).startswith(f"{file}, line 3: {line!r} is not a package; a line is a name")


def test_a_line_that_is_no_package_changes_nothing(workshop: Workshop) -> None:
    workshop.make("alone==1.0\n")
    for line in NO_PACKAGES[:2]:
        code, said = workshop.make(f"alone\n{line}\n")
        assert code == EXIT_SETTINGS
        assert said.startswith(f"{workshop.list}, line 2: {line!r} is not a package; a line is a name")
    assert workshop.found("alone") == ["alone 1.0"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interruption_leaves_what_was_there_and_the_next_start_does_it(workshop: Workshop, number: int) -> None:
    workshop.make("alone==1.0\n")
    workshop.list.write_text("alone==2.0\n")
    (workshop.folder / "hang").touch()
    hangs = (workshop.folder / "hangs").exists
    with start(workshop.argv, ready=hangs, deadline_s=DEADLINE_S, env=workshop.whole_env) as process:
        assert "singlecell: adding alone==2.0 to" in process.log
        below = process.descendants()
        with all_end(below, DEADLINE_S):
            (process.signal_group if number == signal.SIGINT else process.signal)(number)
            assert process.wait(DEADLINE_S) != 0
    assert workshop.found("alone") == ["alone 1.0"]
    (workshop.folder / "hang").unlink()
    assert workshop.make()[0] == 0 and workshop.found("alone") == ["alone 2.0"]


@pytest.mark.parametrize(
    "line", ["a", "A9", "a-b.c_d", "a[b]", "a [ b , c-d ] >= 1.0 , < 2", "a==1.0.*", "a~=1.2", "a!=1", "a===1.0+cu12"]
)
def test_a_name_with_versions_and_extras_is_a_package(tmp_path: Path, line: str) -> None:
    file = tmp_path / "packages.txt"
    file.write_text(f"\ufeff{line}  # why\r\n", encoding="utf-8")
    assert packages.read(file) == [line]


def test_a_package_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    file = tmp_path / "packages.txt"
    file.write_text("scikit-learn\nnumpy\nscikit_learn==1.0\n")
    with pytest.raises(HostError, match=r"line 3: scikit_learn is in line 1 already"):
        packages.read(file)


@pytest.mark.parametrize(("beyond", "refused"), [(-1, False), (0, False), (1, True)])
def test_a_list_may_be_as_long_as_the_limit(tmp_path: Path, beyond: int, refused: bool) -> None:
    file = tmp_path / "packages.txt"
    file.write_text("a\n#".ljust(packages.LIST_BYTES_MAX + beyond, "#"))
    if refused:
        with pytest.raises(HostError, match="more than"):
            packages.read(file)
    else:
        assert packages.read(file) == ["a"]


def test_a_list_that_others_can_write_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "packages.txt"
    file.write_text("a\n")
    file.chmod(0o646)
    with pytest.raises(HostError, match="can be changed by other accounts"):
        packages.read(file)


@pytest.mark.root
def test_a_list_of_another_account_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "packages.txt"
    file.write_text("a\n")
    os.chown(file, 65534, 65534)
    with pytest.raises(HostError, match="can be changed by other accounts"):
        packages.read(file)


def test_both_sides_name_the_file_of_what_is_shown_alike() -> None:
    assert packages.SHOWN == shown_packages.SHOWN
    assert packages.SHOWN in (ROOT / "deploy" / "bootstrap.sh").read_text()
