"""The files in static/ are what their sources make, and small enough."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

from harness.processes import untrusted_python

ROOT = Path(__file__).parents[2]
SCRIPT_GZIPPED_BYTES_MAX = 60 * 1024  # what every page with a cell loads


def test_the_script_that_every_page_loads_is_small():
    script = (ROOT / "static/embedded_singlecell.js").read_bytes()
    assert len(gzip.compress(script, 9)) <= SCRIPT_GZIPPED_BYTES_MAX


def test_built_files_match_their_sources(tmp_path, packages):
    subprocess.run(["node", ROOT / "frontend/build.mjs", tmp_path], check=True)
    built = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for path, content in built.items():
        assert (ROOT / path).read_bytes() == content, f"{path}: run `make frontend` and commit"
    kept = {path.relative_to(ROOT) for path in (ROOT / "static/singlecell").rglob("*") if path.is_file()}
    assert kept == {path for path in built if path.parts[:2] == ("static", "singlecell")}


def test_libraries_fit_the_python_packages_whose_charts_they_draw():
    packages = json.loads((ROOT / "frontend/package.json").read_text())["devDependencies"]
    installed = (ROOT / "requirements/untrusted.txt").read_text()
    assert f"\nbokeh=={packages['@bokeh/bokehjs']} " in installed
    assert packages["plotly.js-dist-min"] == packages["plotly.js-cartesian-dist-min"]
    script = "import plotly.offline; print(plotly.offline.get_plotlyjs_version())"
    carried = subprocess.check_output([untrusted_python(), "-c", script], text=True)
    assert packages["plotly.js-dist-min"] == carried.strip()


def test_every_package_in_the_built_files_has_its_licence_there():
    licences = (ROOT / "static/singlecell/licences.txt").read_text()
    packages = json.loads((ROOT / "frontend/package.json").read_text())["devDependencies"]
    tools = {"esbuild", "axe-core", "old-jquery", "requirejs", "reveal.js"}  # for building and for tests
    for name in set(packages) - tools:
        assert f"{name} {packages[name]}\n" in licences, name


def test_packages_are_pinned_and_no_registry_is_named():
    packages = json.loads((ROOT / "frontend/package.json").read_text())["devDependencies"]
    assert all(version.rpartition("@")[2][0].isdigit() for version in packages.values())
    assert '"resolved"' not in (ROOT / "frontend/package-lock.json").read_text()


def test_only_one_file_speaks_http_and_none_writes_html():
    for path in (ROOT / "frontend/src").rglob("*.js"):
        text = path.read_text()
        assert ("fetch(" in text) == (path.name == "api.js"), path
        assert "innerHTML" not in text and "insertAdjacentHTML" not in text, path
