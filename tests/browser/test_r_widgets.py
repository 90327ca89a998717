"""What R draws with JavaScript, as its htmlwidgets do, brings its scripts along and is drawn in the frame."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.browser.sight import expect

# What htmlwidgets makes of a widget: an element of a fixed size, and a library with a script and a style.
WIDGET = """library(htmltools)
draw <- "document.querySelector('#w').append('drawn by a script')"
writeLines(paste0("addEventListener('DOMContentLoaded', () => ", draw, ")"), "a.js")
writeLines("#w { color: rgb(1, 2, 3) }", "a.css")
library <- htmlDependency("a", "1.0", src = c(file = getwd()), script = "a.js", stylesheet = "a.css")
attachDependencies(div(id = "w", class = "html-widget", style = "width: 960px; height: 300px"), library)"""


@pytest.mark.r
def test_a_widget_of_r_is_drawn_without_any_other_host(server, page, cell):
    page.set_viewport_size({"width": 500, "height": 700})
    cell.node.evaluate("(cell, code) => cell.show(code, 'r')", WIDGET)
    cell.run()
    drawn = cell.drawn.locator("#w")
    expect(drawn).to_have_text("drawn by a script")
    expect(drawn).to_have_css("color", "rgb(1, 2, 3)")
    assert drawn.evaluate("node => node.getBoundingClientRect().right <= innerWidth")
    expect(cell.output.locator(".error, .notice")).to_have_count(0)
    assert page.watch.hosts == {urlsplit(server.url).netloc} and page.watch.errors == []


def test_data_addresses_start_no_worker(page, embed):
    worker = "new Worker('data:text/javascript,postMessage(1)')"
    html = f"<p id=p></p><script>{worker}.onerror = () => p.append('refused')</script>"
    code = f'from IPython.display import HTML\nHTML("{html}")'
    cell = embed(f"<single-cell><pre>{code.replace('<', '&lt;')}</pre></single-cell>").run()
    expect(cell.drawn.locator("#p")).to_have_text("refused")
