"""``make r`` installs Debian's packages of a language where they are missing, and says why where it cannot.

A language of our own stands in for R, and programs of our own for apt-get and dpkg-query.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.server import ROOT

DEADLINE_S = 60.0
EXIT_MISSING = 3
LIST = "# What it needs.\n# disk_mib: 5\ntoy-base\ntoy-kernel\n"
# It knows what is installed by the files in a folder, and makes them.
APT_GET = """#!/bin/sh
echo "apt-get $*" >>{folder}/log
case $1 in update) exit 0 ;; esac
[ ! -e {folder}/broken ] || exit 100
for word; do case $word in toy-*) touch {folder}/$word ;; esac; done
"""
DPKG_QUERY = """#!/bin/sh
for word; do package=$word; done
[ -e {folder}/$package ] && printf installed
"""


@dataclass
class Workshop:
    """A checkout with nothing but the scripts and the list of ``toy``; ``installed``: a folder with a file for each
    package; ``tools``: the programs that stand first on the path.
    """

    checkout: Path
    installed: Path
    tools: Path
    env: dict[str, str] = field(default_factory=dict)

    def make(self, name: str = "toy") -> tuple[int, str]:
        """Run it to its end; return the exit code and what it said."""
        argv = ["sh", str(self.checkout / "deploy" / "bootstrap.sh"), "debian", name]
        env = {"PATH": f"{self.tools}:{os.environ['PATH']}", "HOME": str(self.checkout)}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.stdout == ""
        return done.returncode, done.stderr.splitlines()[-1].removeprefix("singlecell: ")

    def put(self, name: str, text: str) -> None:
        """Put a program on the path."""
        (self.tools / name).write_text(text.format(folder=self.installed))
        (self.tools / name).chmod(0o755)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A workshop of root's, whatever account tests run as."""
    made = Workshop(tmp_path / "checkout", tmp_path / "installed", tmp_path / "tools")
    for folder in (made.checkout / "requirements", made.installed, made.tools):
        folder.mkdir(parents=True)
    shutil.copytree(ROOT / "deploy", made.checkout / "deploy")
    (made.checkout / "requirements" / "toy.debian").write_text(LIST)
    made.put("apt-get", APT_GET)
    made.put("dpkg-query", DPKG_QUERY)
    made.put("id", "#!/bin/sh\necho 0\n")
    return made


@pytest.mark.root
def test_what_is_missing_is_installed_once(workshop: Workshop) -> None:
    (workshop.installed / "toy-base").touch()
    assert workshop.make() == (
        0, "toy is complete; make run serves it, a server that runs now does so after its next start",
    )  # fmt: skip
    log = (workshop.installed / "log").read_text()
    assert "toy-kernel" in log and "toy-base" not in log
    assert workshop.make() == (0, "toy is there; make run serves it")
    assert (workshop.installed / "log").read_text() == log


def test_an_ordinary_user_is_told_what_its_owner_can_do(workshop: Workshop) -> None:
    workshop.put("id", "#!/bin/sh\necho 1000\n")
    assert workshop.make() == (
        EXIT_MISSING,
        "this machine lacks toy-base toy-kernel; its owner can install that with: apt-get install toy-base toy-kernel",
    )


@pytest.mark.parametrize(("free_kib", "code"), [(5 * 1024 - 1, EXIT_MISSING), (5 * 1024, 0), (5 * 1024 + 1, 0)])
@pytest.mark.root
def test_a_disk_that_is_too_small_is_said_before(workshop: Workshop, free_kib: int, code: int) -> None:
    workshop.put("df", f"#!/bin/sh\necho header\necho d 9 9 {free_kib} 9% /\n")
    found, sentence = workshop.make()
    assert found == code
    if code:
        assert sentence == "toy needs 5 MiB of disk in /usr and 4 are free; make room"
        assert not (workshop.installed / "log").exists()


@pytest.mark.root
def test_an_apt_get_that_fails_is_one_sentence(workshop: Workshop) -> None:
    (workshop.installed / "broken").touch()
    assert workshop.make() == (
        EXIT_MISSING, "apt-get could not install toy-base toy-kernel; see above for the reason",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["cobol", "../toy", "", "Toy"])
def test_a_language_without_a_list_is_refused(workshop: Workshop, name: str) -> None:
    expected = f"there is no requirements/{name}.debian that says what to install"
    assert workshop.make(name) == (EXIT_MISSING, expected)
