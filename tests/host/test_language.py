"""``make sage`` and its like build the environment of a language, refuse, are interrupted and build again.

A language of our own stands in for Sage: one small package, from a folder instead of the network.
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

import settings as settings_file
from device.connect import start_config
from harness.processes import all_end, start
from harness.server import ROOT
from host.environments import find_old

DEADLINE_S = 60.0
EXIT_MISSING = 3
UV = Path(sys.executable).with_name("uv")
# Stands before uv: where there is a file `hang`, the installation itself stands still.
SLOW_UV = """#!/bin/sh
case "$*" in
*--dry-run*) ;;
*"pip sync"*) if [ -e "{hang}" ]; then echo "the installation hangs" >&2; exec sleep 1000; fi ;;
esac
exec "{uv}" "$@"
"""


@dataclass
class Workshop:
    """A checkout with nothing but the scripts and one language, ``toy``; the directory that it builds in."""

    checkout: Path
    prefix: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def toy(self) -> Path:
        """The environment of the language."""
        return self.prefix / "toy"

    @property
    def argv(self) -> list[str]:
        """What ``make toy`` would run."""
        return ["sh", str(self.checkout / "deploy" / "bootstrap.sh"), "language", "toy"]

    @property
    def whole_env(self) -> dict[str, str]:
        """The environment for it."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.checkout), "PREFIX": str(self.prefix), **self.env}

    def make(self, name: str = "toy") -> tuple[int, str]:
        """Run it to its end; return the exit code and what it said."""
        argv = [*self.argv[:-1], name]
        done = subprocess.run(argv, env=self.whole_env, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.stdout == ""
        return done.returncode, done.stderr

    def refuse(self, name: str = "toy") -> str:
        """Run it where it has to refuse; return its one sentence."""
        code, said = self.make(name)
        assert code == EXIT_MISSING, said
        assert not (self.prefix / name / ".stamp").exists()
        return said.splitlines()[-1].removeprefix("singlecell: ")

    def is_served(self) -> bool:
        """Return whether a supervisor takes the environment for a whole one."""
        texts = dict.fromkeys(("label", "mime", "extension", "highlighting", "install"), "toy")
        table = {"toy": {**texts, "environment": "toy"}}
        given = settings_file.load(languages=table, environments_directory=str(self.prefix))
        found = start_config.language_config(given, "toy")
        code = """
import sys
from untrusted.__main__ import is_installed
from wire import LanguageConfig
print(is_installed(LanguageConfig(*sys.argv[1:], None)))"""
        argv = [sys.executable, "-c", code, found.python, found.stamp]
        return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "True\n"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A workshop whose package lies in a folder beside it."""
    made = Workshop(tmp_path / "a checkout", tmp_path / "the prefix")
    (made.checkout / "requirements").mkdir(parents=True)
    shutil.copytree(ROOT / "deploy", made.checkout / "deploy")
    wheel = make_wheel(tmp_path / "index" / "toylang")
    write_lock(made, hashlib.sha256(wheel.read_bytes()).hexdigest())
    made.env = {"UV": str(write_uv(made)), "UV_DEFAULT_INDEX": wheel.parents[1].as_uri()}
    return made


def make_wheel(directory: Path) -> Path:
    """Return a package with one module, in a folder that serves as an index."""
    directory.mkdir(parents=True)
    wheel = directory / "toylang-1.0-py3-none-any.whl"
    metadata = {"METADATA": "Metadata-Version: 2.1\nName: toylang\nVersion: 1.0\n",
                "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n", "RECORD": ""}  # fmt: skip
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toylang.py", "print('a toy')\n")
        for name, text in metadata.items():
            archive.writestr(f"toylang-1.0.dist-info/{name}", text)
    (directory / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    return wheel


def write_lock(made: Workshop, sha256: str, python: str = f"3.{sys.version_info.minor}") -> None:
    """Write what the language needs."""
    requirements = made.checkout / "requirements"
    facts = f"# python: 3.2 {python}\n# disk_mib: 5\n# download_mib: 1\n"
    (requirements / "toy.in").write_text(f"{facts}toylang\n")
    (requirements / "toy.txt").write_text(f"toylang==1.0 \\\n    --hash=sha256:{sha256}\n")


def write_uv(made: Workshop) -> Path:
    """Return a uv that can be made to hang."""
    uv = made.prefix.with_name("uv")
    uv.write_text(SLOW_UV.format(hang=made.prefix / "hang", uv=UV))
    uv.chmod(0o755)
    return uv


def test_an_environment_is_built_once_for_all_to_read_and_for_none_to_write(workshop: Workshop) -> None:
    assert not workshop.is_served()
    code, said = workshop.make()
    assert code == 0, said
    assert "1 packages, 1 MiB to download, 5 MiB of disk" in said
    assert workshop.is_served()
    assert subprocess.check_output([workshop.toy / "bin/python", "-m", "toylang"]) == b"a toy\n"
    assert list(workshop.toy.rglob("toylang*.pyc")), "every start would compile it anew"
    for path in (workshop.toy, *workshop.toy.rglob("*")):
        mode = path.lstat().st_mode
        assert path.is_symlink() or (mode & 0o044 == 0o044 and mode & 0o022 == 0), path
    assert not workshop.toy.with_name("toy.cache").exists()
    built = (workshop.toy / "bin").stat().st_ino
    code, said = workshop.make()
    assert (code, (workshop.toy / "bin").stat().st_ino) == (0, built)
    assert "is there" in said


def test_a_new_lock_file_builds_it_anew(workshop: Workshop) -> None:
    workshop.make()
    (workshop.toy / "left").touch()
    lock = workshop.checkout / "requirements" / "toy.txt"
    lock.write_text(f"# changed\n{lock.read_text()}")
    code, said = workshop.make()
    assert (code, (workshop.toy / "left").exists()) == (0, False), said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_build_is_never_served_and_is_done_by_the_next(workshop: Workshop, number: int) -> None:
    workshop.make()
    (workshop.toy / ".stamp").write_text("of an older lock")
    hang = workshop.prefix / "hang"
    hang.touch()
    log = workshop.prefix / "build.log"
    log.write_text("")
    hangs = lambda: "the installation hangs" in log.read_text()  # noqa: E731
    with start(workshop.argv, ready=hangs, deadline_s=DEADLINE_S, env=workshop.whole_env) as process:
        assert os.access(workshop.toy / "bin" / "python", os.X_OK)
        with all_end(process.descendants(), DEADLINE_S):
            (process.signal_group if number == signal.SIGINT else process.signal)(number)
            assert process.wait(DEADLINE_S) != 0
    assert not workshop.is_served()
    hang.unlink()
    code, said = workshop.make()
    assert (code, workshop.is_served()) == (0, True), said


def test_a_disk_that_is_too_small_is_said_before_anything_is_taken_away(workshop: Workshop) -> None:
    workshop.make()
    before = (workshop.toy / ".stamp").read_text()
    write_lock(workshop, "0" * 64)
    tools = workshop.checkout / "tools"
    tools.mkdir()
    (tools / "df").write_text("#!/bin/sh\necho header\necho d 9 9 2000 9% /\n")
    (tools / "df").chmod(0o755)
    facts = workshop.checkout / "requirements" / "toy.in"
    facts.write_text(facts.read_text().replace("disk_mib: 5", "disk_mib: 4700"))
    workshop.env["PATH"] = f"{tools}:{os.environ['PATH']}"
    code, said = workshop.make()
    assert code == EXIT_MISSING
    assert "needs 4700 MiB of disk and " in said and said.count("\n") == 1
    assert (workshop.toy / ".stamp").read_text() == before


def test_a_python_that_will_not_do_is_named(workshop: Workshop) -> None:
    write_lock(workshop, "0" * 64, python="3.3")
    assert workshop.refuse().startswith("toy needs Python 3.2 or 3.3; this machine has Python 3.")


def test_a_package_index_that_does_not_answer_is_one_sentence(workshop: Workshop) -> None:
    workshop.env |= {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    sentence = workshop.refuse()
    assert sentence.startswith("the packages cannot be had (Failed to fetch: http://127.0.0.1:9/simple/toylang/")
    assert sentence.endswith("run make toy again when the package index answers")


def test_a_package_index_that_has_no_uv_for_us_is_one_sentence_too(workshop: Workshop) -> None:
    shutil.copy(ROOT / "requirements" / "tools.txt", workshop.checkout / "requirements")
    workshop.env = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    sentence = workshop.refuse()
    assert sentence.startswith("uv, which builds it, cannot be had (ERROR: Could not find a version")
    assert sentence.endswith("run make toy again when the package index answers")


def test_a_package_that_is_not_the_one_in_the_lock_is_refused(workshop: Workshop) -> None:
    write_lock(workshop, "0" * 64)
    assert workshop.refuse().startswith(f"{workshop.toy} is not complete")


@pytest.mark.parametrize("name", ["cobol", "trusted", "../toy", ""])
def test_a_language_that_nobody_describes_is_refused(workshop: Workshop, name: str) -> None:
    assert workshop.refuse(name).startswith(f"there is no requirements/{name}.in")


def test_an_environment_of_an_older_lock_is_named_with_the_command_that_renews_it(workshop: Workshop) -> None:
    workshop.make()
    texts = dict.fromkeys(("label", "mime", "extension", "highlighting"), "toy")
    settings = settings_file.load(languages={"toy": {**texts, "environment": "toy", "install": "make toy"}})
    requirements = workshop.checkout / "requirements"
    assert list(find_old(settings, workshop.prefix, requirements)) == []
    (requirements / "toy.txt").write_text("toylang==2.0")
    [sentence] = find_old(settings, workshop.prefix, requirements)
    assert sentence == f"{workshop.toy} is not what toy.txt says today; make toy brings it up to date"
