"""Photograph the cell for the documentation: one page with a cell in each state, in three widths, light and dark.

``python -m tests.browser.screenshots URL`` with a running server writes ``docs/images/``. Look at them after a change
of the cell's looks.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from harness import chromium
from tests.browser.cell import Cell
from tests.browser.sight import expect
from tests.browser.site import Site

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTHS_PX = (360, 768, 1280)
DEADLINE_MS = 30_000
PLOT = """import numpy as np
import matplotlib.pyplot as plt

x = np.linspace(0, 4 * np.pi, 400)
plt.figure(figsize=(5, 2.4))
plt.plot(x, np.sin(x) * np.exp(-x / 6))
plt.show()"""
TABLE = """import pandas as pd

pd.DataFrame({
    "planet": ["Mercury", "Venus", "Earth"],
    "distance_au": [0.387, 0.723, 1.0],
    "period_years": [0.241, 0.615, 1.0],
}).set_index("planet")"""
LATEX = """from sympy import *

x = symbols("x")
integral = Integral(exp(-x**2) * cos(x), (x, -oo, oo))
Eq(integral, integral.doit())"""
CHART = """import plotly.express as px

px.line(x=[1, 2, 3, 4], y=[2, 1, 4, 3], title="A chart", height=300)"""
RUNNING = """import time

for second in range(1, 61):
    print(f"second {second}")
    time.sleep(1)"""
ERROR = """def mean(numbers):
    return sum(numbers) / len(numbers)

mean([])"""
INPUT = """name = input("What is your name? ")
print(f"Hello, {name}!")"""
# State of the cell, its code, and what is to be seen before the picture is taken.
STATES = {
    "Idle": ("# Press Run, or Shift+Enter.\nsum(n ** 2 for n in range(1, 11))", ""),
    "Running": (RUNNING, ".stdout"),
    "Error": (ERROR, ".error"),
    "Plot": (PLOT, ".picture"),
    "Table": (TABLE, "iframe"),
    "LaTeX": (LATEX, ".katex"),
    "Chart": (CHART, "iframe"),
    "Input": (INPUT, ".question"),
}
STYLE = """<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; background: Canvas; color: CanvasText }
  body { margin: 0; padding: 16px }
  @media (min-width: 1000px) { body { columns: 2; column-gap: 24px } }
  section { break-inside: avoid } h2 { font-size: 14px; font-weight: 600; margin: 0 0 -8px; opacity: .7 }
</style><meta name="viewport" content="width=device-width, initial-scale=1">"""


def write_page(server: str) -> str:
    """Return a page with a cell for each state."""
    sections = "".join(
        f"<section><h2>{name}</h2><single-cell id={name}><pre>{html.escape(code)}</pre></single-cell></section>"
        for name, (code, _) in STATES.items()
    )
    script = f'<script type="module" src="{server}/embedded_singlecell.js"></script>'
    return f"<!doctype html><html lang=en><title>Cells</title>{STYLE}{script}{sections}"


def bring_about(page: Page) -> None:
    """Bring every cell into its state."""
    for name, (_, sign) in STATES.items():
        cell = Cell(page, f"#{name}").ready()
        if not sign:
            continue
        cell.node.evaluate("cell => void cell.run()")  # a press of the button might meet a page that still moves
        expect(cell.output.locator(sign).first).to_be_visible(timeout=DEADLINE_MS)
        if name not in ("Running", "Input"):
            expect(cell.node).to_have_attribute("state", "done", timeout=DEADLINE_MS)
        if sign == "iframe":
            expect(cell.output.locator("iframe")).not_to_have_css("height", "0px")
        if name == "Chart":
            expect(cell.drawn.locator(".main-svg").first).to_be_visible(timeout=DEADLINE_MS)
    page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame)).then(() => 1)")


def photograph(browser: Browser, address: str, width: int, scheme: str) -> None:
    """Take the picture of one width and scheme, and once of the cell with the plot alone, for the README."""
    touch = width < 500
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, locale="en-GB", has_touch=touch
    )
    page = context.new_page()
    page.goto(address)
    bring_about(page)
    # Frames out of view are not drawn.
    page.set_viewport_size({"width": width, "height": page.evaluate("document.body.scrollHeight")})
    page.evaluate("scrollTo(0, 0); document.activeElement?.blur()")
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / f"cells-{width}-{scheme}.png", animations="disabled")
    if (width, scheme) == (768, "light"):
        page.locator("#Plot").screenshot(path=IMAGES / "cell.png", animations="disabled")
    for name in ("Running", "Input"):
        page.locator(f"#{name}").evaluate("cell => { cell.stop(); return cell.stop() }")
    context.close()


def main() -> None:
    """Take all pictures."""
    if len(sys.argv) != 2 or not re.match("https?://", sys.argv[1]):
        raise SystemExit("usage: python -m tests.browser.screenshots URL")
    site = Site()
    address = site.put(write_page(sys.argv[1].rstrip("/")))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.OPTIONS)
        for scheme in ("light", "dark"):
            for width in WIDTHS_PX:
                photograph(browser, address, width, scheme)
        browser.close()


if __name__ == "__main__":
    main()
