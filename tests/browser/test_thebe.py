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
from playwright.sync_api import Locator, Page

from tests.browser.folder import Folder
from tests.browser.sight import expect

ROOT = Path(__file__).parents[2]
RECIPES = (ROOT / "docs" / "recipes.md").read_text()
VERSION = "0.9.3"
# What Thebe needs of npm, with the hashes of package-lock.json; it would load require.js, for controls, from elsewhere.
PACKAGES = {
    f"thebe-{VERSION}": "Rb/7kVhtlffXra3kIe7OuIGE7awsm2/fGWxw21DiNfnWLnUQiDl9AWqYdshPwZPG/5DzLpsJRPix2xtCPtJmQQ==",
    "requirejs-2.3.6": "ipEzlWQe6RK3jkzikgCupiTbTvm4S0/CAU5GlgptkN5SO6F3u0UD0K18wy6ErDqiCyP4J4YYe1HuAShvsxePLg==",
}
ANYBODY = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript"}
CELLS = ("x = input('who? ')\nprint('hello', x)", "from IPython.display import HTML\nHTML('<b>bold</b>')", "1 / 0", "x")


@pytest.fixture(scope="session")
def unpacked() -> Path:
    """The unpacked packages, as npm has them; their bytes are those that we know."""
    home = ROOT / ".build" / "thebe"
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for package, sha512 in PACKAGES.items():
            tarball = home / f"{package}.tgz"
            if not tarball.exists():
                env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
                pack = ["npm", "pack", "@".join(package.rsplit("-", 1)), "--silent"]
                subprocess.run(pack, check=True, env=env, cwd=home, timeout=120)
            assert base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode() == sha512
            if not (home / package).exists():
                with tarfile.open(tarball) as archive:
                    # Older Pythons have no filters.
                    archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
                    archive.extractall(home / package)
    return home


@pytest.fixture
def opened(page: Page, server, unpacked: Path, tmp_path: Path) -> Iterator[Callable[..., list[Locator]]]:
    """Open a page with cells made by the recipe; return them as Thebe has made them."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "lib").symlink_to(unpacked / f"thebe-{VERSION}" / "package" / "lib")
    folder = Folder(site)
    text = RECIPES.split("\n## Thebe and other clients of Jupyter\n")[1].split("\n## ")[0]
    [recipe] = re.findall(r"^```html\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    recipe = recipe.replace("https://host/", f"{server.url}/").replace(f"https://unpkg.com/thebe@{VERSION}/", "")

    def opened(*cells: str) -> list[Locator]:
        page.context.route(lambda url: "localhost" not in url and "127.0.0.1" not in url, lambda route: route.abort())
        require_js = unpacked / "requirejs-2.3.6" / "package" / "require.js"
        page.context.route("**/require.min.js", lambda route: route.fulfill(path=require_js, headers=ANYBODY))
        blocks = "".join(f"<pre data-executable>{html.escape(code)}</pre>" for code in cells)
        status = "<p class=thebe-status></p>"
        (site / "page.html").write_text(f"<!doctype html><title>Thebe</title>{recipe}{status}{blocks}")
        page.goto(f"{folder.url}/page.html")
        found = page.locator(".thebe-cell")
        expect(found).to_have_count(len(cells))
        # Before that the server is called ready, and Thebe forgets who presses Run.
        expect(page.locator(".thebe-status")).to_contain_text("changed to ready")
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


CONTROL = "from ipywidgets import interact\n@interact(x=(0, 10))\ndef square(x=2): print('square', x * x)"


def test_a_control_of_ipywidgets_moves_in_thebe(opened, page):
    [cell] = opened(CONTROL)
    output = run(cell)
    expect(output.first).to_contain_text("square 4")
    page.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    expect(output.first).to_contain_text("square 9")
    expect(output.first).not_to_contain_text("square 4")
