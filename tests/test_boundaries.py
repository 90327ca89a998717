"""Hold every import of the product against the table in docs/design.md: who may import whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Rooms that are not shipped, and which of them each may import. The product imports none.
WORKSHOP = {"tests": {"bench", "harness"}, "bench": {"harness"}, "harness": set()}
NOT_PRODUCT = {*WORKSHOP, "frontend", "docs", "static", "templates", "node_modules", "data"}
# The door to MongoDB: nobody else imports these.
DATABASE = {"pymongo", "gridfs", "bson"}
DYNAMIC = {"__import__", "import_module", "run_path", "run_module", "exec", "eval", "spec_from_file_location"}


@dataclass(frozen=True)
class Rule:
    """What the files of one part may import of ours, and what they never import."""

    may: frozenset[str]
    never: frozenset[str]


def read_table() -> dict[str, Rule]:
    """Return the rule of each part, by the name of its file or folder."""
    rules = {}
    for line in (ROOT / "docs" / "design.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4 or not cells[0].startswith("`"):
            continue
        parts = [name.rstrip("/").removesuffix(".py") for name in re.findall(r"`([^`]+)`", cells[0])]
        may = frozenset(re.findall(r"`(\w+)`", cells[2]))
        never = frozenset(re.findall(r"\w+", cells[3]))
        # A program and its folder are one part (web_server.py, web/); two modules are two (wire.py, settings.py).
        is_room = cells[0].count(".py") < 2
        rules |= {part: Rule(may | (frozenset(parts) if is_room else {part}), never) for part in parts}
    return rules


def product_files() -> list[Path]:
    """Return the Python files of the product, the checkout's own only."""
    files = list(ROOT.glob("*.py"))
    for folder in ROOT.iterdir():
        if folder.is_dir() and folder.name not in NOT_PRODUCT and not folder.name.startswith("."):
            files += folder.rglob("*.py")
    return sorted(files)


def part_of(file: Path) -> str:
    """Return the part a file belongs to: its folder at the top, or its own name."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


RULES = read_table()
FILES = product_files()
OURS = {part_of(file) for file in FILES}


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and top-level name of every import, also those inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." if node.level else (node.module or "").split(".")[0]


def dynamic_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of every call that imports or runs what its argument says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in DYNAMIC and not (isinstance(node.func, ast.Attribute) and name in ("exec", "eval")):
                yield node.lineno, name


def violations(file: Path) -> list[str]:
    """Return every broken rule of a file, as ``file:line: rule``."""
    part, where = part_of(file), file.relative_to(ROOT)
    rule = RULES.get(part, Rule(frozenset({part}), frozenset()))
    tree = ast.parse(file.read_text(), str(file))
    broken = []
    for line, name in imports(tree):
        if name == ".":
            broken.append(f"{where}:{line}: imports relatively; every import says its room")
        elif name in OURS and name not in rule.may:
            allowed = ", ".join(sorted(rule.may - {part})) or "nothing"
            broken.append(f"{where}:{line}: {part} imports {name}; of ours it may import {allowed}")
        elif name in WORKSHOP:
            broken.append(f"{where}:{line}: {name} is not shipped; the product never imports it")
        elif name in rule.never:
            broken.append(f"{where}:{line}: {part} never imports {name}")
        elif name in DATABASE and part != "store":
            broken.append(f"{where}:{line}: only store imports {name}")
    if part != "untrusted":  # it is shipped with wire alone: there is nothing of ours that it could reach
        broken += [f"{where}:{line}: {name}() hides what is imported" for line, name in dynamic_imports(tree)]
    return broken


def test_the_table_names_every_room():
    ground = {"contract", "wire", "jupyter", "settings"}
    assert ground | {"store", "web", "web_server", "untrusted", "host", "device", "trusted_db"} <= RULES.keys()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_keep_to_the_table(file):
    assert not violations(file), "\n" + "\n".join(violations(file))


@pytest.mark.parametrize("room", WORKSHOP)
def test_bench_does_not_import_tests_and_harness_imports_neither(room):
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    found = {(file, name) for file in files for _line, name in imports(ast.parse(file.read_text()))}
    assert not [(file, name) for file, name in found if name in WORKSHOP.keys() - WORKSHOP[room] - {room}]


@pytest.mark.parametrize(
    ("room", "code"),
    [
        ("untrusted", "import settings"),
        ("untrusted", "def f():\n    from store import connect"),
        ("web", "import pymongo.errors"),
        ("web", "import device.loop"),
        ("device", "from flask import Flask"),
        ("device", "import bson"),
        ("store", "import zmq"),
        ("host", "from untrusted import channel"),
        ("host", "from harness.server import serve"),
        ("store", "from . import states"),
        ("web", "import importlib\nimportlib.import_module('device')"),
    ],
)
def test_a_forbidden_import_is_found(room, code, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.test_boundaries.ROOT", tmp_path)
    file = tmp_path / room / "new.py"
    file.parent.mkdir()
    file.write_text(code)
    found = violations(file)
    assert found
    assert f"{room}/new.py:" in found[0]


# --- inside untrusted/ ----------------------------------------------------------------------------------------------
# What runs strangers' code, or makes processes that do. The start-up self-test alone clones a session, of our own code.
STRANGERS = ("untrusted.worker", "untrusted.kernel", "untrusted.sandbox.clone")
SELF_TEST = "untrusted.sandbox.selftest"
SUPERVISOR = ("untrusted.supervisor", "untrusted.__main__")


def modules_imported(file: Path) -> set[str]:
    """Return the dotted names that a file imports, wherever in it; names of what is in modules are among them."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    # With a module come the packages that it is in.
    return {".".join(name.split(".")[:count]) for name in found for count in range(1, name.count(".") + 2)}


def way_to_strangers(root: Path) -> list[str]:
    """Return how the supervisor comes to import what runs strangers' code, module by module; nothing if it does not."""
    files = {
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file
        for file in (root / "untrusted").rglob("*.py")
    }
    waiting = [[name] for name in files if name.startswith(SUPERVISOR)]
    seen = {SELF_TEST}
    while waiting:
        way = waiting.pop()
        if way[-1].startswith(STRANGERS):
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            waiting += [[*way, name] for name in modules_imported(files[way[-1]]) & files.keys()]
    return []


def test_the_supervisor_imports_nothing_that_runs_strangers_code():
    assert (ROOT / "untrusted" / "sandbox" / "selftest.py").is_file()
    assert way_to_strangers(ROOT) == []


@pytest.mark.parametrize(
    "code",
    [
        "from untrusted import kernel",
        "from untrusted.sandbox.clone import x",
        "def f():\n    import untrusted.worker.zygote",
    ],
)
def test_a_roundabout_way_to_strangers_code_is_found(code, tmp_path):
    texts = {
        "supervisor/loop": "from untrusted.sandbox import selftest, plan",
        "sandbox/plan": code,
        "sandbox/selftest": "from untrusted.sandbox.clone import x",
    }
    for name in ("supervisor/__init__", "sandbox/__init__", "sandbox/clone", "worker/__init__", "worker/zygote",
                 "kernel/__init__", "__init__"):  # fmt: skip
        texts[name] = ""
    for name, text in texts.items():
        file = tmp_path / "untrusted" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert way_to_strangers(tmp_path)[:2] == ["untrusted.supervisor.loop", "untrusted.sandbox.plan"]
    (tmp_path / "untrusted" / "sandbox" / "plan.py").write_text("")
    assert way_to_strangers(tmp_path) == []
