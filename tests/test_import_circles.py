"""No room of the product imports, by any way round, a room that imports it; imports for types alone count."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.test_boundaries import FILES, ROOT


def module_of(file: Path) -> str:
    """Return the dotted name under which a file is imported."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    """Yield our modules that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # What is imported from a package may be a module of it; then the package itself is only its folder.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules else node.module for name in names]
        else:
            continue
        yield from (name for name in names if name in modules and modules[name] != file)


def circle(files: Mapping[str, Path]) -> list[str]:
    """Return the modules of an import circle in order, none when there is no circle."""
    try:
        TopologicalSorter({name: set(imported(file, files)) for name, file in files.items()}).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_import_leads_round_in_a_circle():
    modules = {module_of(file): file for file in FILES}
    assert len(modules) > 100
    assert not circle(modules), " → ".join(circle(modules))


def test_a_circle_is_found_also_one_for_types_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.test_import_circles.ROOT", tmp_path)
    texts = {"a": "import b", "b": "def f():\n    from c import x", "c": "if TYPE_CHECKING:\n    import a"}
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    files = {name: tmp_path / f"{name}.py" for name in texts}
    assert set(circle(files)) == {"a", "b", "c"}
    assert circle({name: files[name] for name in ("a", "b")}) == []
