"""What is typed in a cell belongs to the cell: pages with shortcuts of their own hear nothing of it."""

from __future__ import annotations

import pytest

from tests.browser.cell import Cell
from tests.browser.sight import expect

# Handlers of the page that are older than our script, wherever a page may put them.
LISTENING = """<script>
  var heard = [];
  for (const type of ["keydown", "keypress", "keyup"]) {
    const note = ({ key }) => heard.push(type + " " + key);
    addEventListener(type, note);
    document.addEventListener(type, note);
    document.addEventListener(type, note, true);
    document.documentElement.addEventListener(type, note, true);
  }
</script>"""
# As Sphinx's doctools.js and sphinx_highlight.js have it.
SPHINX = """<script>
  const CONTROLS = new Set(["TEXTAREA", "INPUT", "SELECT", "BUTTON"]);
  document.addEventListener("keydown", (event) => {
    if (CONTROLS.has(document.activeElement.tagName) || document.activeElement.isContentEditable) return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "/") {
      event.preventDefault();
      document.querySelector("input[name=q]").focus();
    }
  });
</script>"""
OLDEST = """<script>
  addEventListener("keydown", (event) => {
    if (event.target.isContentEditable || event.key !== "/") return;
    event.preventDefault();
    document.querySelector("input[name=q]").focus();
  }, true);
</script>"""
PAGE = "<input name=q><a href='#after'>after</a><single-cell></single-cell>"


@pytest.mark.parametrize("script", [SPHINX, OLDEST], ids=["document", "older handler of the window"])
def test_a_slash_is_typed_into_the_code_and_outside_it_goes_to_the_search(embed, page, script):
    cell = embed(PAGE, head=script)
    cell.field.focus()
    page.keyboard.type("print(6/2)")
    assert cell.code == "print(6/2)"
    page.get_by_text("after").focus()
    page.keyboard.press("/")
    expect(page.locator("input[name=q]")).to_be_focused()


def test_reveal_stays_on_its_slide_while_somebody_types_and_moves_again_outside(embed, page, packages):
    slides = "".join(f"<section><h2>{number}</h2>{{}}</section>" for number in (1, 2, 3))
    script = (packages / "reveal.js/dist/reveal.js").read_text()
    style = (packages / "reveal.js/dist/reveal.css").read_text()
    cell = embed(
        f"<div class=reveal><div class=slides>{slides.format('<single-cell></single-cell>', '', '')}</div></div>",
        head=f"<style>{style}</style>",
    )
    page.evaluate(script)
    page.evaluate("Reveal.initialize({ transition: 'none', hash: false })")
    cell.field.focus()
    page.keyboard.type("for n in [1]: print(n) # b o f s . ?")
    for key in ("Enter", "ArrowLeft", "ArrowRight", "ArrowDown", "Home", "End", "PageDown", " "):
        page.keyboard.press(key)
    assert cell.code.startswith("for n in [1]: print(n) # b o f s . ?\n")
    assert page.evaluate("[Reveal.getIndices().h, Reveal.isPaused(), Reveal.isOverview()]") == [0, False, False]
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("n")
    assert page.evaluate("Reveal.getIndices().h") == 1


def test_no_handler_of_the_page_hears_what_is_typed_in_code_answers_or_dialogs(embed, page):
    cell = embed("<a href='#before'>before</a><single-cell></single-cell>", head=LISTENING)
    page.evaluate(
        """() => addEventListener("keydown", ({ key }) => heard.push("later " + key), true)"""
    )
    cell.field.focus()
    page.keyboard.type("x = input('Name? ')\nprint(x")
    for key in ("Home", "End", "Backspace", "Tab", "Control+z", "Control+a", "Delete"):
        page.keyboard.press(key)
    page.keyboard.type("print(input('Name? '))")
    page.keyboard.press("Shift+Enter")
    field = cell.output.get_by_label("Name?")
    expect(field).to_be_focused()
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    cell.shows("Ada")
    cell.node.evaluate("cell => cell.share()")
    page.keyboard.press("Tab")
    page.keyboard.press("n")
    page.keyboard.press("Escape")
    expect(cell.node.locator("dialog")).to_have_count(0)
    assert page.evaluate("heard") == []
    page.get_by_text("before").focus()
    page.keyboard.press("n")
    assert page.evaluate("[...new Set(heard)]") == ["later n", "keydown n", "keypress n", "keyup n"]


def test_the_page_hears_what_a_button_of_the_cell_has_no_use_for(embed, page):
    cell = embed("<single-cell>1</single-cell>", head=LISTENING)
    cell.button.focus()
    page.keyboard.press("n")
    assert page.evaluate("[...new Set(heard)]") == ["keydown n", "keypress n", "keyup n"]
    page.evaluate("heard.length = 0")
    page.keyboard.press("Enter")
    expect(cell.node).to_have_attribute("state", "done")
    assert page.evaluate("heard") == []


def test_the_editors_own_keys_do_what_they_did_and_escape_lets_tab_leave(embed, page):
    cell = embed("<single-cell></single-cell><a href='#after'>after</a>", head=LISTENING)
    cell.field.focus()
    page.keyboard.type("if 1:\nprint(2)")  # the editor indents and closes the bracket
    assert cell.code == "if 1:\n    print(2)"
    page.keyboard.press("Control+/")
    assert cell.code == "if 1:\n    # print(2)"
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(cell.button).to_be_focused()
    assert page.evaluate("heard") == []


def test_a_cell_in_a_closed_tree_of_the_page_keeps_its_keys_from_what_is_above(embed, page):
    cell = embed("<div id=closed></div><single-cell id=open></single-cell>", head=LISTENING)
    page.evaluate(
        """() => {
          const root = document.querySelector("#closed").attachShadow({ mode: "closed" });
          window.inner = document.createElement("single-cell");
          root.append(inner);
          document.querySelector("#closed").addEventListener("keydown", ({ key }) => heard.push("above " + key));
          inner.focus();
        }"""
    )
    page.keyboard.type("1/2")
    assert page.evaluate("inner.code") == "1/2"
    assert not any(line.startswith("above") for line in page.evaluate("heard"))
    assert Cell(page, "#open").code == cell.code
