"""Says which kernels there are, as Jupyter's kernelspecs have it: one for each language that runs here."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from settings import Settings
from web.context import here
from web.languages import served_now
from web.problems import refuse

VERSION = "5.3"  # of the message spec
IMPLEMENTATION = "singlecell"
# Names by which clients ask for a kernel and which do not begin with that of its language.
OTHER_NAMES = {"ir": "r"}
_PREFIX_CHARS_MIN = 3  # "python3" is python; what begins with "r" is not R


class Spec(Struct, frozen=True):
    """What Jupyter's kernel.json says of a kernel; ``argv`` starts nothing here."""

    display_name: str
    language: str
    argv: list[str] = []
    interrupt_mode: str = "message"
    env: dict[str, str] = {}
    metadata: dict[str, str] = {}


class KernelSpec(Struct, frozen=True):
    """A kernel that can be started, under its name."""

    name: str
    spec: Spec
    resources: dict[str, str] = {}


def names() -> list[str]:
    """Return the languages that run now or soon, in the order of the settings."""
    served = served_now()
    return [name for name in here().settings.languages if name in served.versions or served.may_wait(name)]


def spec_of(language: str) -> KernelSpec:
    """Return the kernelspec of a language."""
    return KernelSpec(language, Spec(here().settings.languages[language]["label"], language))


def language_of(untrusted_name: str) -> str:
    """Return the language of the kernel that a client asks for. Raises ProblemError 501, as Jupyter answers."""
    languages = here().settings.languages
    name = untrusted_name.lower()
    name = OTHER_NAMES.get(name, name)
    meant = [known for known in languages if name.startswith(known) and len(known) >= _PREFIX_CHARS_MIN]
    language = name if name in languages else max(meant, key=len, default="")
    if language not in names():
        shown = re.sub(r"[^\w.-]", "?", untrusted_name[:40])
        sentence = f"The kernel {shown!r} is not available; there are {', '.join(names())}."
        refuse(501, sentence, reason="language_missing", language=shown)
    return language


def kernel_info(settings: Settings, language: str) -> dict[str, Any]:
    """Return the content of a kernel_info_reply."""
    entry = settings.languages[language]
    version = served_now().versions.get(language, "")
    info: dict[str, Any] = {
        "name": language, "version": version, "mimetype": entry["mime"], "file_extension": entry["extension"],
    }  # fmt: skip
    if entry["highlighting"] != "none":
        info |= {"pygments_lexer": entry["highlighting"], "codemirror_mode": entry["highlighting"]}
    return {
        "status": "ok", "protocol_version": VERSION, "implementation": IMPLEMENTATION, "implementation_version": "1",
        "language_info": info, "banner": f"{entry['label']} {version}".strip(), "help_links": [], "debugger": False,
    }  # fmt: skip
