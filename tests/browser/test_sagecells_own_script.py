"""SageMathCell's own script, unmodified, pointed at this server: its cells run here.

Nobody publishes the script as a package. SAGEMATHCELL_SCRIPT names one that was built from a checkout of SageMathCell
(docs/recipes.md says how); without it these tests are skipped, and tests/sage/test_sagecell_traffic.py asks what the
script asked in the first of them. SAGEMATHCELL_TRAFFIC names the file that this is written to.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from tests.browser.sight import expect

pytestmark = pytest.mark.sage
BUILT, TRAFFIC = os.environ.get("SAGEMATHCELL_SCRIPT", ""), os.environ.get("SAGEMATHCELL_TRAFFIC", "")
# In place of MathJax, which the script would fetch from a network that is not there.
MATHJAX = "<script>MathJax = {version: '3', typesetPromise: async () => {}}</script>"
IDS = {"KERNEL": r"\w{8}-\w{4}-\w{4}-\w{4}-\w{12}", "INTERACT": r'(?<=interact_id\\\\\\":\\\\\\")\w+'}
MAKE = "sagecell.makeSagecell({inputLocation: '.compute'})"


class Traffic:
    """What a page asks a server, in order."""

    def __init__(self, page: Page, url: str) -> None:
        self.asked: list[dict] = []
        self._url = url
        page.on("request", lambda request: self._note(request))
        page.on("websocket", lambda socket: self._follow(socket))

    def _note(self, request) -> None:
        if request.url.startswith(self._url) and "/static/" not in request.url:
            kind, body = request.headers.get("content-type"), request.post_data
            self.asked.append({"method": request.method, "path": self._path(request.url), "type": kind, "body": body})

    def _follow(self, socket) -> None:
        self.asked.append({"socket": self._path(socket.url)})
        socket.on("framesent", lambda frame: self.asked.append({"frame": frame}))

    def text(self) -> str:
        """Return it as JSON, with names in place of the ids that the server gave."""
        text = json.dumps(self.asked, indent=1)
        for name, pattern in IDS.items():
            for at, id in enumerate(dict.fromkeys(re.findall(pattern, text))):
                text = text.replace(id, f"{name}-{at}")
        return text + "\n"

    def _path(self, url: str) -> str:
        parts = urlsplit(url)
        return parts.path + (f"?{parts.query}" if parts.query else "")


@pytest.fixture
def open_page(server, site, page):
    """Open a page of another origin, with SageMathCell's script, for which this server is SageMathCell."""
    if not BUILT:
        pytest.skip("no script of SageMathCell's here: SAGEMATHCELL_SCRIPT names a built one")
    # Its figures of visitors come from a network that is not there.
    page.route("**/*google-analytics.com/**", lambda route: route.fulfill(body=""))
    page.traffic = Traffic(page, server.url)

    def open_page(*codes: str, calls: str = MAKE) -> None:
        site.put(Path(BUILT).read_text(), "/embedded_sagecell.js")
        root = f"<script>sagecell = {{root: '{server.url}/'}}</script><script src=/embedded_sagecell.js></script>"
        cells = "".join(
            f'<div class=compute id=c{at}><script type="text/x-sage">{code}</script></div>'
            for at, code in enumerate(codes)
        )
        head = f"<link rel=icon href='data:,'>{MATHJAX}{root}"
        page.goto(site.put(f"<!doctype html><html lang=en>{head}<body>{cells}<script>{calls}</script>"))

    return open_page


def evaluate(page, at: int = 0, *, ends: bool = True):
    """Press Evaluate; return the output when the kernel has ended."""
    page.locator(f"#c{at} .sagecell_evalButton").click()
    output = page.locator(f"#c{at} .sagecell_sessionOutput")
    if ends:
        expect(output).not_to_have_class("sagecell_sessionOutput sagecell_active")
    return output


FIRST = """import sys
print(2^10)
print('warn', file=sys.stderr)
open('made.txt', 'w').write('whole')
factorial(20)"""
INTERACT = """@interact
def f(n=slider(1, 9, 1, 3), word=input_box('abc', type=str), c=[1, 2, 3], d=selector([4..10])):
    print(n, word, c, d)
"""


def test_cells_run_and_their_interacts_move(open_page, page):
    open_page(FIRST, INTERACT)
    output = evaluate(page)
    expect(output.locator(".sagecell_stdout")).to_have_text("1024\n")
    expect(output.locator(".sagecell_stderr")).to_have_text("warn\n")
    expect(output.locator("pre").last).to_have_text("2432902008176640000")
    link = page.locator("#c0 .sagecell_sessionFiles a")
    expect(link).to_have_text("made.txt")
    assert page.request.get(link.get_attribute("href")).text() == "whole"

    output = evaluate(page, 1, ends=False)
    shown = output.locator(".sagecell_interactOutput")
    expect(shown).to_have_text("3 abc 1 4\n")
    word = output.locator("input[id$=_word]")
    word.fill("xyz")
    word.press("Tab")
    expect(shown).to_have_text("3 xyz 1 4\n")
    output.locator(".ui-slider-handle").press("ArrowRight")
    expect(shown).to_have_text("4 xyz 1 4\n")
    output.locator("select").select_option("7")
    output.get_by_label("2", exact=True).check()
    expect(shown).to_have_text("4 xyz 2 7\n")

    page.locator("#c1").get_by_role("button", name="Share").click()
    expect(page.locator("#c1").get_by_role("link", name="Permalink")).to_have_attribute("href", re.compile(r"/\?z="))
    evaluate(page, 1, ends=False)  # which ends the kernel before
    expect(shown).to_have_text("3 abc 1 4\n")
    assert page.evaluate("sagecell.kernels[0]") is None
    if TRAFFIC:
        Path(TRAFFIC).write_text(page.traffic.text())


def test_formulas_pictures_and_scenes_are_shown(open_page, page):
    drawn = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('p.svg')\nplt.close()\n"
    open_page("show(x^2)\nshow(plot(sin, (0, 6)))\nsphere()", f"{drawn}html('<img src=cell://p.svg>')")
    output = evaluate(page)
    expect(output).to_contain_text("$\\displaystyle x^{2}$")
    expect(output.locator("img[width]")).to_be_visible()
    expect(output.frame_locator("iframe").locator("canvas").first).to_be_visible()
    picture = evaluate(page, 1).locator("img:not(.sagecell_spinner)")
    page.wait_for_function("picture => picture.naturalWidth > 0", arg=picture.element_handle())


def test_errors_and_limits_are_said_and_other_languages_run(open_page, page):
    codes = ("1/0", "while True: pass", "print(2^3)", "Binomial(8, 2);", "<b id=bold>bold</b>")
    languages = {2: "python", 3: "gap", 4: "html"}
    calls = "".join(
        f"sagecell.makeSagecell({{inputLocation: '#c{at}', languages: ['{languages.get(at, 'sage')}']}});"
        for at in range(len(codes))
    )
    open_page(*codes, calls=calls)
    expect(evaluate(page, 0).locator(".sagecell_pyerr")).to_contain_text("ZeroDivisionError")
    expect(evaluate(page, 1).locator(".sagecell_pyerr")).to_contain_text("TimeLimit")
    expect(evaluate(page, 2).locator(".sagecell_stdout")).to_have_text("1\n")
    expect(evaluate(page, 3).locator(".sagecell_stdout")).to_have_text("28\n")
    expect(evaluate(page, 4).locator("#bold")).to_be_visible()


def test_linked_cells_share_a_kernel_that_stays(open_page, page):
    open_page("a = 41", "print(a + 1)", calls=MAKE.replace("'.compute'", "'.compute', linked: true"))
    evaluate(page, 0, ends=False)
    expect(evaluate(page, 1, ends=False).locator(".sagecell_stdout")).to_have_text("42\n")
    assert page.evaluate("sagecell.kernels.length") == 1 and page.evaluate("sagecell.kernels[0].id")


def test_what_code_does_with_its_interact_is_shown(open_page, page):
    code = """@interact
def f(self, n=(1..9), m=5, go=Button(text="Go")):
    print("n", n)
    if "n" in self._changed and n > 1:
        self.m = n
        self.new = slider(1, 3, 1)
    @interact
    def inner(k=(n..n + 3)):
        print("k", k)
f._bookmark("first")
"""
    open_page(code)
    output = evaluate(page, ends=False)
    shown = output.locator(".sagecell_interactOutput")
    expect(shown.nth(1)).to_have_text("k 1\n")
    output.locator(".ui-slider-handle").first.press("ArrowRight")
    expect(shown.nth(1)).to_have_text("k 2\n")
    expect(output.locator("input[id$=_m]")).to_have_value("2")
    expect(output.locator(".sagecell_interactControlLabel", has_text="new")).to_be_visible()
    shown.nth(0).locator(".ui-slider-handle").press("ArrowRight")
    expect(shown.nth(1)).to_have_text("k 3\n")
    expect(shown.nth(0).locator("> .sagecell_stdout")).to_have_text("n 2\n")


def test_names_are_completed(open_page, page):
    open_page("factoria")
    page.locator("#c0 .CodeMirror").click()
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    page.wait_for_function("document.querySelector('.CodeMirror').CodeMirror.getValue() === 'factorial'")
