"""Says what the operator can do about a host that does not give a layer of the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# Switches of the kernel that keep ordinary accounts from user namespaces: the value that does, and what to do.
SWITCHES = (
    ("kernel/unprivileged_userns_clone", "0", "give the command: sysctl -w kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "give the command: sysctl -w user.max_user_namespaces=15000"),
    (
        "kernel/apparmor_restrict_unprivileged_userns", "1",
        "AppArmor keeps ordinary accounts from it; give the Python of cells a profile with `userns,`",
    ),
)  # fmt: skip
NAMESPACES = {"user_namespace", "mount_namespace"}
# Without these there is no sandbox: waived_layers may not name them.
NEEDED = {"user_namespace", "mount_namespace", "no_new_privs"}
PAGE = 'docs/security.md, "The host\'s part"'
CONTAINER = "in a container, its own filter may refuse it: start it with --security-opt seccomp=unconfined"
LANDLOCK = "start the kernel (5.13 or newer) with landlock among lsm= on its command line"


def of(layers: Sequence[str], *, here: bool, sys: Path = Path("/proc/sys")) -> list[str]:
    """Return what can be done about missing layers, a sentence each.

    ``here``: whether the account is on this machine, whose switches can be looked at; ``sys``: where they are.
    """
    sentences = []
    if NAMESPACES & set(layers):
        found = [advice for name, value, advice in SWITCHES if here and _read(sys / name) == value]
        sentences += found or [CONTAINER]
    if "landlock" in layers:
        sentences.append(LANDLOCK)
    if layers and not NEEDED & set(layers):
        names = ", ".join(f'"{layer}"' for layer in layers)
        sentences.append(f"or do without it, if you know what it is for, by the setting: waived_layers = [{names}]")
    return [*sentences, f"{PAGE}, says what a host must give"] if layers else []


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
