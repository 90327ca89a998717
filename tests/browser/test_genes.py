"""The page /genes: a reader chooses two groups, presses Run, and sees the genes that differ."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.browser.cell import Cell
from tests.browser.late_part import LateFile
from tests.browser.sight import expect
from tests.browser.test_accessibility import violations


@pytest.mark.r
def test_two_groups_are_chosen_and_the_genes_that_differ_are_shown(server, page, packages):
    page.goto(f"{server.url}/genes")
    cell = Cell(page).ready()
    first, second = page.get_by_label("First group"), page.get_by_label("Second group")
    expect(second.get_by_role("option", name="Kidney, run 1")).to_be_disabled()
    second.select_option("Liver, run 2")
    first.select_option("Liver, run 1")
    assert 'groups <- c("Liver, run 1", "Liver, run 2")\n' in cell.code
    cell.run()
    expect(cell.drawn.get_by_role("columnheader", name="logFC")).to_be_visible()
    expect(cell.output.locator("img.picture")).to_be_visible()
    expect(cell.output.locator(".error, .stderr")).to_have_count(0)
    assert violations(page, packages) == []
    cell.write("1").ready()
    first.select_option("Kidney, run 2")
    assert cell.code == 'groups <- c("Kidney, run 2", "Liver, run 2")\n1'
    assert page.watch.hosts == {urlsplit(server.url).netloc} and page.watch.errors == []


def test_groups_that_are_chosen_before_the_script_has_come_are_in_the_code(server, page):
    script = LateFile(page, "**/static/pages.js")
    page.goto(f"{server.url}/genes", wait_until="commit")
    page.get_by_label("Second group").select_option("Liver, run 2")
    script.come()
    expect(page.get_by_label("First group").get_by_role("option", name="Liver, run 2")).to_be_disabled()
    assert Cell(page).ready().code.startswith('groups <- c("Kidney, run 1", "Liver, run 2")\n')
