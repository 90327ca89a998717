"""Describes the languages that workers run: one file each, holding a ``LANGUAGE``."""

from __future__ import annotations

import importlib
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

SigintHandler = Callable[[int, FrameType | None], None]
RunKernel = Callable[[str], object]  # given the connection file


def unchanged(code: str) -> str:
    """Return the cell's text as it is."""
    return code


def nothing(*_: object) -> None:
    """Do nothing."""


def take_sigint(handle: SigintHandler) -> None:
    """Let ``handle`` hear SIGINT."""
    signal.signal(signal.SIGINT, handle)


@dataclass(frozen=True)
class Language:
    """Everything about one language that the rest of ``untrusted`` asks for.

    ``environment`` must be set before the interpreter starts; ``preload`` are modules imported before the fork;
    ``warm_cells`` run before the fork and leave nothing behind; ``transform`` turns a cell's text into what IPython
    gets. What pages show of a language is said in the settings.

    ``set_up`` changes IPython's shell, once, in the zygote; ``populate`` fills a fresh namespace; ``start`` runs in
    each session before its first cell. ``take_sigint``: for libraries that hear SIGINT themselves. ``terminals``:
    sessions get pseudo-terminals. ``calls``: system calls that its sessions may make beside those of every session
    (``untrusted/sandbox/allowed_calls.py``). ``dialects``: other languages that its sessions can run instead, and what
    makes of the text of a cell in them what IPython gets; ``programs``: what of the host a dialect needs, such as a
    compiler, without which it is left out. ``packages_file``: where the operator adds packages to its
    environment (docs/running.md).

    ``kernelspec``: the name of an installed kernel that runs the cells instead of IPython
    (``untrusted/languages/kernelspecs.py``). Then of the rest only ``environment``, ``warm_cells``, ``terminals``,
    ``calls``, ``trees``, ``load_kernel`` and ``probe`` are asked for; the version is what the kernel says. ``trees``:
    paths of the host that its sessions see read-only, beside those of every session. ``load_kernel``: for a kernel that
    can be forked: loads it into the zygote, given the kernelspec's command, and returns what runs it in a fork; None
    where it has to be started as a program after all. ``probe``: returns the code that writes what expressions come to
    into a file, as JSON with the fields of ``untrusted/kernel/probes.py``; without it answers cannot be checked.
    """

    name: str
    version: Callable[[], str] = lambda: ""
    environment: Mapping[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ()
    warm_cells: tuple[str, ...] = ()
    transform: Callable[[str], str] = unchanged
    set_up: Callable[[Any], None] = nothing
    populate: Callable[[dict[str, Any]], None] = nothing
    start: Callable[[], None] = nothing
    take_sigint: Callable[[SigintHandler], None] = take_sigint
    terminals: bool = False
    calls: tuple[str, ...] = ()
    dialects: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    packages_file: str = "packages.txt"
    kernelspec: str = ""
    trees: tuple[str, ...] = ()
    load_kernel: Callable[[Sequence[str]], RunKernel | None] | None = None
    probe: Callable[[Sequence[str], str], str] | None = None


def load(name: str) -> Language:
    """Return a language that was shipped with this code: the start configuration names it, no request does.

    Raises ImportError.
    """
    return importlib.import_module(f"untrusted.languages.{name}").LANGUAGE
