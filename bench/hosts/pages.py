"""Gives the commands of docs/running.md on hosts, and runs what the units say, where there is no systemd."""

from __future__ import annotations

import pwd
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from bench.hosts.machines import Host
from harness.processes import Process
from harness.server import ROOT

PAGE = "docs/running.md"
STEP = "By hand"
MORE = "More devices, more hosts"
# What these hosts have already, or cannot have.
LEFT_OUT = ("apt-get ", "systemctl ", "python3 -m venv ", "/opt/singlecell/")


def blocks(section: str) -> list[str]:
    """Return the blocks of code of a section of the page, its first line is the name of its language."""
    text = (ROOT / PAGE).read_text()
    body = re.split(rf"^##+ {re.escape(section)}$", text, flags=re.MULTILINE)[1]
    body = re.split(r"^##+ ", body, flags=re.MULTILINE)[0]
    found = re.findall(r"^( *)```(.*?)^ *```$", body, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def block(section: str, *words: str) -> str:
    """Return the one block of a section that has all these words."""
    found = [text for text in blocks(section) if all(word in text for word in words)]
    assert len(found) == 1, f"{PAGE}: {len(found)} blocks of {section!r} have {words}"
    return found[0]


def give(host: Host, section: str, *words: str, changes: Mapping[str, str] | None = None, **known: str) -> None:
    """Give the commands of a block on a host as root; ``changes``: what stands there for what is ours."""
    text = block(section, *words)
    for ours, theirs in (changes or {}).items():
        assert ours in text, f"{PAGE}: {ours!r} is in no command"
        text = text.replace(ours, theirs)
    lines = text.replace("\\\n", " ").splitlines()[1:]
    lines = [line for line in lines if not line.startswith(LEFT_OUT) and not _makes_known_account(line)]
    host.sh("\n".join(["umask 022", *lines]), **known)


def _makes_known_account(line: str) -> bool:
    with suppress(KeyError):
        return line.startswith("useradd ") and bool(pwd.getpwnam(line.split()[-1]))
    return False


@dataclass(frozen=True)
class Unit:
    """What a unit of systemd says."""

    command: str
    user: str
    group: str
    directory: str
    environment: dict[str, str]

    @classmethod
    def read(cls, text: str) -> Unit:
        """Return it from its text."""
        found: dict[str, list[str]] = {}
        for line in text.replace("\\\n", " ").splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                found.setdefault(name, []).append(value)
        environment = dict(value.split("=", 1) for value in found.get("Environment", []))
        one = {name: values[-1] for name, values in found.items()}
        return cls(one["ExecStart"], one["User"], one["Group"], one["WorkingDirectory"], environment)

    def start(self, host: Host, **environment: str) -> Process:
        """Run its command on a host."""
        entry = pwd.getpwnam(self.user)
        as_user = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        return host.start([*as_user, *shlex.split(self.command)], {**self.environment, **environment}, self.directory)
