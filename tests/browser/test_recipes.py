"""Sites that real generators build by docs/recipes.md have cells that run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent

import pytest
from playwright.sync_api import Page

from tests.browser.cell import Cell
from tests.browser.folder import Folder
from tests.browser.sight import expect
from tests.environments import programs

ROOT = Path(__file__).parents[2]
RECIPES = (ROOT / "docs" / "recipes.md").read_text()
# To install the generators takes a minute the first time, and PreTeXt asks npm for some packages.
pytestmark = pytest.mark.timeout(600)

CODE = "# a comment\nfor i in range(3):\n    print(i)\n\nprint('1 < 2', 'end')"
FENCE = f"```python\n{CODE}\n```\n"
INSIDE = "<single-cell>\n\n```python\n# another\n\nprint('inside')\n```\n\n</single-cell>\n"


@pytest.fixture(scope="session")
def tools() -> Path:
    """The programs of an environment with the generators of requirements/recipes.txt, made when it is first needed."""
    return programs("recipes")


@pytest.fixture
def run(tools: Path, tmp_path: Path) -> Callable[..., None]:
    """Run a program of these tools in a directory: ``run(directory, name, *arguments)``."""

    def run(directory: Path, name: str, *arguments: str) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # PreTeXt asks for Node
        env = {**os.environ, "HOME": str(tmp_path), "PATH": path, "NO_MKDOCS_2_WARNING": "1"}
        done = subprocess.run(
            [tools / name, *arguments], cwd=directory, env=env, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    return run


@pytest.fixture
def recipe(server) -> Callable[[str, str], str]:
    """The lines of a section of the page, with the server's address: ``recipe(section, kind of fence)``."""

    def recipe(section: str, kind: str) -> str:
        text = RECIPES.split(f"\n## {section}\n")[1].split("\n## ")[0]
        [lines] = re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        return lines.replace("https://host/", f"{server.url}/")

    return recipe


@pytest.fixture
def cells_js(server) -> Callable[[str], str]:
    """The file for tools that take no attributes, with the selector of a section's first sentence."""

    def cells_js(section: str) -> str:
        [lines] = re.findall(r"^```js\n(.*?)^```$", RECIPES, re.MULTILINE | re.DOTALL)
        [selector] = re.findall(rf"\n## {section}\n\n.*? the selector `([^`]+)`", RECIPES)
        return lines.replace("https://host/", f"{server.url}/").replace("SELECTOR", selector)

    return cells_js


@pytest.fixture
def opened(page: Page) -> Iterator[Callable[..., list[Cell]]]:
    """Open a page of a built site; return its cells, so many: ``opened(directory, path, count)``."""
    folders: list[Folder] = []

    def opened(directory: Path, path: str, count: int) -> list[Cell]:
        page.context.route(lambda url: "localhost" not in url and "127.0.0.1" not in url, lambda route: route.abort())
        folders.append(Folder(directory))
        page.goto(f"{folders[-1].url}/{path}")
        cells = page.locator("single-cell")
        expect(cells).to_have_count(count)
        for number in range(count):
            cells.nth(number).evaluate("(cell, number) => { cell.dataset.number = number }", number)
        return [Cell(page, f"single-cell[data-number='{number}']").ready() for number in range(count)]

    yield opened
    for folder in folders:
        folder.close()


def check_first(page: Page, cell: Cell, place: str = "body") -> None:
    """Check a cell that was made of CODE, and that its block is out of sight."""
    assert cell.code == CODE
    assert "range" not in page.locator(place).inner_text()  # of the page itself, without what its cells show
    cell.run().shows("1 < 2 end")


def test_sphinx_with_restructuredtext_with_myst_and_with_an_element_around_a_fence(run, recipe, opened, page, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    extensions = "project = 'Cells'\nextensions = ['myst_parser', 'sphinx_copybutton']\n"
    (source / "conf.py").write_text(extensions + recipe("Sphinx", "python"))
    toctree = "```{toctree}\nrst\ninside\n```\n"
    (source / "index.md").write_text(
        f"# Cells\n\n{FENCE}\n```{{code-block}} python\n:linenos:\n\n{CODE}\n```\n\n{toctree}"
    )
    blocks = "".join(
        f".. code-block:: python\n{option}\n{indent(CODE, '   ')}\n\n" for option in ("", "   :linenos:\n")
    )
    (source / "rst.rst").write_text(f"Cells\n=====\n\n{blocks}\n.. code-block:: text\n\n   no cell\n")
    (source / "inside.md").write_text(f"# Cells\n\n{INSIDE}\n{FENCE}\nafter\n")
    run(source, "sphinx-build", "-q", "-W", "-b", "html", ".", "built")
    inside, _ = opened(source / "built", "inside.html", 2)
    assert inside.code == "# another\n\nprint('inside')"
    for path in ("index.html", "rst.html"):
        first, numbered = opened(source / "built", path, 2)
        assert numbered.code == CODE
        check_first(page, first)
    expect(page.get_by_text("no cell")).to_be_visible()
    expect(page.locator(".copybtn").locator("visible=true")).to_have_count(1)
    assert page.watch.errors == []


@pytest.mark.parametrize("theme", ["mkdocs", "readthedocs", "material"])
def test_mkdocs_and_material(run, recipe, cells_js, opened, page, tmp_path, theme):
    script = tmp_path / "docs" / "javascripts" / "cells.js"
    script.parent.mkdir(parents=True)
    script.write_text(cells_js("MkDocs"))
    (tmp_path / "docs" / "index.md").write_text(f"# Cells\n\n{FENCE}\nbetween\n\n{INSIDE}\nafter\n")
    material = recipe("MkDocs", "yml") if theme == "material" else ""
    settings = f"site_name: Cells\ntheme: {{name: {theme}}}\n{recipe('MkDocs', 'yaml')}{material}"
    (tmp_path / "mkdocs.yml").write_text(settings)
    run(tmp_path, "mkdocs", "build", "--quiet", "--strict")
    first, inside = opened(tmp_path / "site", "index.html", 2)
    expect(inside.node.locator(".pce-line").first).to_have_text("# another")
    assert inside.code == "# another\n\nprint('inside')"
    expect(page.get_by_text("after", exact=True)).to_be_visible()
    check_first(page, first)


def test_the_pandoc_of_quarto(tools, recipe, opened, page, tmp_path):
    [script] = re.findall(r"<script .*</script>", recipe("Quarto", "yaml"))
    (tmp_path / "head.html").write_text(script)
    numbered = f'```{{.python .numberLines data-readonly=""}}\n{CODE}\n```\n'
    (tmp_path / "page.md").write_text(f"---\ntitle: Cells\n---\n\n{FENCE}\n{numbered}")
    convert = (
        "import pypandoc; pypandoc.convert_file('page.md', 'html', format='markdown', outputfile='page.html', "
        "extra_args=['--standalone', '--include-in-header', 'head.html'])"
    )
    subprocess.run([tools / "python", "-c", convert], cwd=tmp_path, check=True)
    first, second = opened(tmp_path, "page.html", 2)
    assert second.code == CODE and second.node.get_attribute("readonly") == ""
    check_first(page, first)


def test_pretext(run, recipe, cells_js, opened, page, server, tmp_path):
    source = tmp_path / "book"
    for folder in ("source", "assets", "publication"):
        (source / folder).mkdir(parents=True)
    (source / "assets" / "cells.js").write_text(cells_js("PreTeXt"))
    # debug.rs.dev: no services of Runestone, which would come from the network.
    target = recipe("PreTeXt", "xml").replace("<stringparams", '<stringparams debug.rs.dev="yes"')
    (source / "project.ptx").write_text(f'<project ptx-version="2"><targets>{target}</targets></project>')
    directories = '<directories external="../assets" generated="../generated-assets"/>'
    (source / "publication" / "publication.ptx").write_text(
        f"<publication><source>{directories}</source></publication>"
    )
    code = CODE.replace("<", "&lt;")
    (source / "source" / "main.ptx").write_text(
        f'<pretext><article xml:id="cells"><title>Cells</title><section xml:id="one"><title>One</title>'
        f'<program language="python"><code>\n{code}\n</code></program>'
        f'<interactive xml:id="framed" iframe="{server.url}/cell?code=print(6*7)&amp;language=python" width="100%"/>'
        f'</section><section xml:id="two"><title>Two</title>'
        f'<sage language="python"><input>\nprint(6 * 7)\n</input></sage></section></article></pretext>'
    )
    run(source, "pretext", "build", "web")
    subprocess.run(["sh", "-c", recipe("PreTeXt", "sh")], cwd=source, check=True)
    [first] = opened(source / "output" / "web", "one.html", 1)
    check_first(page, first)
    expect(page.frame_locator("iframe").locator("single-cell .run")).to_be_visible()
    opened(source / "output" / "web", "two.html", 1)
    page.locator(".sagecell_evalButton").click()
    expect(page.locator(".sagecell_stdout")).to_have_text("42\n")


def test_reveal(recipe, opened, page, packages, tmp_path):
    (tmp_path / "reveal.js").symlink_to(packages / "reveal.js")
    slide = f'<section><pre><code class="language-python" data-trim>{CODE.replace("<", "&lt;")}</code></pre></section>'
    markdown = f"<section data-markdown><textarea data-template>\n{FENCE}</textarea></section>"
    plugins = "".join(
        f'<script src="reveal.js/plugin/{name}/{name}.js"></script>' for name in ("markdown", "highlight")
    )
    (tmp_path / "index.html").write_text(
        f'<!doctype html><title>Slides</title><link rel=stylesheet href="reveal.js/dist/reveal.css">'
        f"<div class=reveal><div class=slides>{slide}{markdown}</div></div>"
        f'<script src="reveal.js/dist/reveal.js"></script>{plugins}'
        f"<script>Reveal.initialize({{ plugins: [RevealMarkdown, RevealHighlight] }})</script>"
        f"{recipe('reveal.js', 'html')}"
    )
    first, second = opened(tmp_path, "index.html", 2)
    assert second.code == CODE
    check_first(page, first, ".slides")  # beside them Reveal writes the text of a slide for screen readers


@pytest.mark.parametrize("tool", ["Jekyll", "WordPress"])
def test_where_the_tool_is_not_at_hand_the_selector_is_that_of_a_page_it_made(tool: str) -> None:
    page = (Path(__file__).parent / "blocks" / f"{tool.lower()}.html").read_text()  # test_blocks_of_code.py runs it
    [selector] = re.findall(rf'\n## {tool}\n.*?data-select="([^"]+)"', RECIPES, re.DOTALL)
    assert page.startswith(f"<!-- {selector} -->\n")


def test_every_tool_of_the_table_has_its_section() -> None:
    named = {link.replace("-", "") for link in re.findall(r"\(#([a-z-]+)\)", RECIPES)}
    sections = {re.sub(r"[^a-z]", "", title.lower()) for title in re.findall(r"^## (.+)$", RECIPES, re.MULTILINE)}
    assert named == sections
