"""A page with Thebe's own published bundle runs its cells here, when its server's address is ours."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import html
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.folder import Folder

ROOT = Path(__file__).parents[2]
RECIPES = (ROOT / "docs" / "recipes.md").read_text()
VERSION = "0.9.3"
SHA512 = "Rb/7kVhtlffXra3kIe7OuIGE7awsm2/fGWxw21DiNfnWLnUQiDl9AWqYdshPwZPG/5DzLpsJRPix2xtCPtJmQQ=="
CELLS = ("x = input('who? ')\nprint('hello', x)", "from IPython.display import HTML\nHTML('<b>bold</b>')", "1 / 0", "x")


@pytest.fixture(scope="session")
def thebe() -> Path:
    """The unpacked package, as npm has it; its bytes are those that we know."""
    home = ROOT / ".build" / f"thebe-{VERSION}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tarball = home / f"thebe-{VERSION}.tgz"
        if not tarball.exists():
            env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
            pack = ["npm", "pack", f"thebe@{VERSION}", "--pack-destination", str(home), "--silent"]
            subprocess.run(pack, check=True, env=env, cwd=home, timeout=120)
        assert base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode() == SHA512
        if not (home / "package" / "lib").exists():
            with tarfile.open(tarball) as archive:
                # Older Pythons have no filters.
                archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
                archive.extractall(home)
    return home / "package" / "lib"


@pytest.fixture
def opened(page: Page, server, thebe: Path, tmp_path: Path) -> Iterator[Callable[..., list[Locator]]]:
    """Open a page with cells made by the recipe; return them as Thebe has made them."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "lib").symlink_to(thebe)
    folder = Folder(site)
    text = RECIPES.split("\n## Thebe and other clients of Jupyter\n")[1].split("\n## ")[0]
    [recipe] = re.findall(r"^```html\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    recipe = recipe.replace("https://host/", f"{server.url}/").replace(f"https://unpkg.com/thebe@{VERSION}/", "")

    def opened(*cells: str) -> list[Locator]:
        page.context.route(lambda url: "localhost" not in url and "127.0.0.1" not in url, lambda route: route.abort())
        blocks = "".join(f"<pre data-executable>{html.escape(code)}</pre>" for code in cells)
        status = "<p class=thebe-status></p>"
        (site / "page.html").write_text(f"<!doctype html><title>Thebe</title>{recipe}{status}{blocks}")
        page.goto(f"{folder.url}/page.html")
        found = page.locator(".thebe-cell")
        expect(found).to_have_count(len(cells))
        expect(page.locator(".thebe-status")).to_contain_text("ready")
        return [found.nth(number) for number in range(len(cells))]

    yield opened
    page.goto("about:blank")
    folder.close()


def run(cell: Locator) -> Locator:
    """Press a cell's Run; return its output."""
    cell.locator(".thebe-run-button").click()
    return cell.locator(".jp-OutputArea")


def test_thebes_cells_run_ask_and_show_what_they_make(opened, page):
    asks, rich, fails, knows = opened(*CELLS)
    output = run(asks)
    page.locator("input.jp-Stdin-input").fill("Emmy")
    page.locator("input.jp-Stdin-input").press("Enter")
    expect(output).to_contain_text("hello Emmy")
    expect(run(rich).locator("b")).to_have_text("bold")
    expect(run(fails)).to_contain_text("ZeroDivisionError")
    expect(run(knows)).to_contain_text("'Emmy'")
