"""A student uses the cell of the page at ``/``."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin, urlsplit
from uuid import uuid4

import pytest

from tests.browser.cell import Cell
from tests.browser.sight import expect


def test_the_page_asks_no_other_host_and_has_no_errors(server, page, cell):
    cell.run("from IPython.display import HTML, Math, display\ndisplay(Math('x^2'), HTML('<b>x</b>'))\nprint('here')")
    cell.shows("here")
    expect(cell.output.locator(".katex")).to_be_visible()
    expect(cell.drawn.locator("b")).to_have_text("x")
    assert page.watch.hosts == {urlsplit(server.url).netloc}
    assert page.watch.errors == []


def test_output_comes_while_the_code_runs_and_stop_ends_a_loop(cell):
    cell.start("import time\nprint('begun')\nwhile True:\n    time.sleep(0.05)")
    cell.shows("begun")
    expect(cell.node).to_have_attribute("state", "running")
    expect(cell.button).to_have_text("Stop")
    expect(cell.status).to_contain_text("Running")
    cell.button.click()
    cell.ends()
    expect(cell.status).to_contain_text("Stopped")
    cell.shows("KeyboardInterrupt")
    expect(cell.button).to_have_text("Run")


def test_stop_while_the_code_is_on_its_way_ends_it_on_the_server_too(page, cell):
    with page.expect_response(lambda response: response.request.method == "POST") as submission:
        ended = "cell => { cell.code = 'while True: pass'; const run = cell.run(); cell.stop(); return run }"
        assert cell.node.evaluate(ended) in ("cancelled", "done")
    computation = page.request.get(urljoin(page.url, submission.value.json()["links"]["self"])).json()
    assert computation["state"] in ("cancelled", "done")


def test_an_error_shows_its_line_and_folds_the_traceback(cell):
    cell.run("def halve(x):\n    return x / 0\n\nhalve(1)")
    error = cell.output.locator(".error")
    expect(error.locator(".error-title")).to_have_text("ZeroDivisionError: division by zero")
    expect(error.locator(".error-line")).to_contain_text("return x / 0")
    expect(error.locator(".stream")).to_have_count(0)
    error.locator("summary").click()
    expect(error.locator(".stream")).to_contain_text("halve(1)")


def test_a_plot_is_shown_as_an_image_that_has_a_description(cell):
    cell.run("import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()")
    picture = cell.output.locator("img.picture")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 100
    assert picture.get_attribute("alt")


def test_a_cell_is_run_with_the_keyboard_alone(page, cell):
    cell.field.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("print('by hand')")
    page.keyboard.press("Shift+Enter")
    cell.shows("by hand")
    expect(cell.field).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(cell.button).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.press("Enter")
    cell.ends()


def test_tab_indents_and_enter_keeps_the_indentation(page, cell):
    cell.write("")
    cell.field.focus()
    page.keyboard.type("if True:\nprint(1)\n")
    page.keyboard.press("Tab")
    page.keyboard.type("2")
    assert cell.code == "if True:\n    print(1)\n        2"
    page.keyboard.press("Control+z")
    assert cell.code != "if True:\n    print(1)\n        2"


def test_a_question_is_answered_in_its_place(page, cell):
    cell.start("name = input('Your name? ')\nprint('Hello', name)")
    field = cell.output.get_by_label("Your name?")
    expect(field).to_be_focused()
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    cell.shows("Hello Ada")
    expect(cell.output.locator(".answered")).to_have_text("Your name? Ada")


def test_a_password_is_hidden_while_and_after_it_is_typed(page, cell):
    cell.start("import getpass\nword = getpass.getpass('Word: ')\nprint(len(word))")
    field = cell.output.get_by_label("Word:")
    expect(field).to_have_attribute("type", "password")
    field.fill("secret")
    page.keyboard.press("Enter")
    cell.shows("6")
    expect(cell.output).not_to_contain_text("secret")


def test_edits_and_output_survive_a_reload(page, cell):
    cell.run("print('number', 6 * 7)").shows("number 42")
    page.reload()
    expect(cell.output).to_contain_text("number 42")
    assert cell.code == "print('number', 6 * 7)"


def test_a_run_goes_on_through_a_reload_without_losing_or_doubling_a_line(page, cell):
    cell.start("import time\nfor i in range(30):\n    print('line', i)\n    time.sleep(0.05)").shows("line 3")
    page.reload()
    cell.ends()
    assert cell.output.inner_text().split() == " ".join(f"line {i}" for i in range(30)).split()


def test_reset_brings_the_authors_code_back(cell):
    authors = cell.code
    expect(cell.node.locator("[part=reset-button]")).to_be_hidden()
    cell.run("print('mine')")
    cell.node.locator("[part=reset-button]").click()
    assert cell.code == authors
    expect(cell.output).to_be_empty()


def test_a_lost_network_gives_a_calm_sentence_and_nothing_is_lost_or_doubled(page, cell):
    cell.start("import time\nfor i in range(40):\n    print('line', i)\n    time.sleep(0.1)").shows("line 2")
    page.context.set_offline(True)
    expect(cell.status).to_contain_text("Waiting for the network")
    page.context.set_offline(False)
    cell.ends()
    assert cell.output.inner_text().split() == " ".join(f"line {i}" for i in range(40)).split()


def test_a_cell_that_is_run_without_a_network_runs_when_it_is_back(page, cell):
    submitted: list[str] = []
    page.on("response", lambda response: submitted.append(response.url) if response.request.method == "POST" else None)
    page.context.set_offline(True)
    cell.start("print('at last')")
    expect(cell.status).to_contain_text("Waiting for the network")
    page.context.set_offline(False)
    cell.ends()
    assert cell.output.inner_text().split() == ["at", "last"] and len(submitted) == 1


def test_stop_without_a_network_says_so_and_works_when_it_is_back(page, cell):
    cell.start("import time\nprint('begun')\nwhile True: time.sleep(0.05)").shows("begun")
    page.context.set_offline(True)
    expect(cell.status).to_contain_text("Waiting for the network")
    cell.button.click()
    expect(cell.button).not_to_have_attribute("aria-disabled", "true")
    page.context.set_offline(False)
    expect(cell.status).to_contain_text("Running")
    cell.button.click()
    expect(cell.status).to_contain_text("Stopped")


def test_a_server_that_does_not_answer_gives_a_calm_sentence(page, cell):
    page.route("**/computations**", lambda route: route.abort())
    cell.start("print('at last')")
    expect(cell.status).to_contain_text("does not answer")
    page.unroute("**/computations**")
    cell.shows("at last")


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_code_whose_answer_got_lost_is_sent_again_and_has_run_once(page, cell, embed, where):
    sent = []

    def lose(route):
        sent.append(route.request)
        route.fetch()
        route.abort()

    if where == "elsewhere":
        cell = embed("<single-cell></single-cell>")
        page.on("request", lambda request: request.method == "OPTIONS" and sent.append(request))
    cell.node.evaluate("cell => cell.setAttribute('linked', '')")
    page.route("**/computations?*", lose, times=1)
    cell.run("n = globals().get('n', 0) + 1\nprint('run', n)").shows("run 1")
    cell.run().shows("run 2")
    assert len(sent) == 1, "no preflight request goes before"
    assert ("idempotency-key" in sent[0].headers) == (where == "here") != ("idempotency_key=" in sent[0].url)


def test_output_that_the_server_no_longer_has_is_said_to_be_gone(page, cell):
    cell.run("print('here')")
    gone = "text => { const [key] = Object.keys(localStorage); const kept = JSON.parse(localStorage[key]);"
    page.evaluate(f"{gone} kept.computation = text; localStorage[key] = JSON.stringify(kept) }}", str(uuid4()))
    page.reload()
    expect(cell.status).to_contain_text("no longer has this output")
    assert cell.code == "print('here')"
    page.reload()
    expect(cell.node).to_have_attribute("state", "idle")
    expect(cell.status).to_have_text("")


def test_a_page_in_the_background_takes_what_comes(server, page):
    page.add_init_script(
        "Object.defineProperty(document, 'hidden', { get: () => true }); window.requestAnimationFrame = () => 0"
    )
    page.goto(server.url)
    cell = Cell(page).ready().run("for i in range(3): print('line', i)")
    cell.shows("line 2")


def test_a_page_that_slept_goes_on_from_the_last_line_it_had(server, page, cell):
    cell.start("import time\nfor i in range(20):\n    print('line', i)\n    time.sleep(0.1)").shows("line 2")
    id = page.evaluate("JSON.parse(Object.values(localStorage)[0]).computation")
    laptop = page.context.new_cdp_session(page)
    laptop.send("Page.setWebLifecycleState", {"state": "frozen"})
    seen = {"next": -1, "finished": False}
    while not seen["finished"]:
        seen = page.request.get(f"{server.url}/computations/{id}/messages?after={seen['next']}&wait=30").json()
    laptop.send("Page.setWebLifecycleState", {"state": "active"})
    cell.ends()
    assert cell.output.inner_text().split() == " ".join(f"line {i}" for i in range(20)).split()


def test_links_carry_code_that_runs(server, page):
    page.goto(f"{server.url}/?c={quote('print(40 + 2)')}")
    cell = Cell(page).shows("42")
    assert cell.code == "print(40 + 2)"
    page.goto(f"{server.url}/?c={quote('print(40 + 3)')}&autoeval=false")
    cell = Cell(page).ready()
    assert cell.code == "print(40 + 3)"
    expect(cell.output).to_be_empty()


def test_a_shared_link_opens_the_same_code(page, cell):
    code = "# " + "a long remark, " * 20 + "\nprint('shared: ü')"
    cell.write(code)
    cell.node.locator("[part=share-button]").click()
    dialog = cell.node.get_by_role("dialog")
    expect(dialog.locator("#share-long")).to_have_value(re.compile("[?]z="))
    long = dialog.locator("#share-long").input_value()
    dialog.get_by_role("button", name="Make a short link").click()
    expect(dialog.locator("#share-short")).to_have_value(re.compile("[?]q="))
    short = dialog.locator("#share-short").input_value()
    for address in (long, short):
        page.goto(address)
        assert Cell(page).shows("shared: ü").code == code


def test_a_shared_link_keeps_the_setup_and_shows_it_on_demand(embed, page, server):
    setup = "secret = 6 * 7\n" + "# a long remark, " * 20
    cell = embed(f"<single-cell><pre data-setup hidden>{setup}</pre><pre>print(secret)</pre></single-cell>")
    cell.node.locator("[part=share-button]").click()
    dialog = cell.node.get_by_role("dialog")
    expect(dialog.locator("#share-long")).to_have_value(re.compile("[?]c=.*&zsetup="))
    long = dialog.locator("#share-long").input_value()
    dialog.get_by_role("button", name="Make a short link").click()
    expect(dialog.locator("#share-short")).to_have_value(re.compile("[?]q="))
    short = dialog.locator("#share-short").input_value()
    for address in (long, short, f"{server.url}/?c=print(secret)&setup=secret=42"):
        page.goto(address)
        assert Cell(page).shows("42").code == "print(secret)"
        page.get_by_text("Code that runs first").click()
        expect(page.locator("#link-setup pre")).to_contain_text("secret")
        page.goto("about:blank")
    page.goto(f"{server.url}/?c=1")
    expect(page.get_by_text("Code that runs first")).to_be_hidden()


def test_a_damaged_link_says_so(server, page):
    page.goto(f"{server.url}/?z=nonsense")
    expect(page.locator("#link-problem")).to_have_text("The code in this link is damaged.")


def test_the_server_completes_and_explains(page, cell):
    cell.write("").enter()
    page.keyboard.type("enumer")
    page.keyboard.press("Control+Space")
    expect(cell.field).to_have_value("enumerate")
    page.keyboard.press("Shift+Tab")
    expect(cell.node.locator(".popup")).to_contain_text("iterable")
    page.keyboard.press("Escape")
    expect(cell.node.locator(".popup")).to_have_count(0)


def test_a_file_that_the_code_made_can_be_downloaded(page, cell):
    cell.run("open('squares.csv', 'w').write('1,1\\n')")
    with page.expect_download() as download:
        cell.output.get_by_role("link", name=re.compile("squares.csv")).click(modifiers=["Alt"])
    assert download.value.suggested_filename == "squares.csv"


def test_a_file_is_dropped_onto_the_cell_and_taken_back(cell):
    cell.node.evaluate(
        """cell => {
          const inner = cell.shadowRoot.querySelector(".cell");
          const dataTransfer = new DataTransfer();
          for (const name of ["kept.txt", "dropped.txt"]) dataTransfer.items.add(new File([name], name));
          for (const kind of ["dragenter", "dragover", "drop"]) {
            inner.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
          } }"""
    )
    expect(cell.node.locator(".uploads li")).to_have_count(2)
    cell.node.get_by_role("button", name="Remove dropped.txt").click()
    cell.run("import os; print(os.listdir(), open('kept.txt').read())").shows("['kept.txt'] kept.txt")


def test_links_are_copied_to_the_clipboard(page, cell):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cell.write("print('copied')")
    cell.node.locator("[part=share-button]").click()
    dialog = cell.node.get_by_role("dialog")
    expect(dialog.locator("#share-long")).to_have_value(re.compile("[?]c=|[?]z="))
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_text("Copied").first).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == dialog.locator("#share-long").input_value()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_link_names_the_language(server, page):
    page.goto(f"{server.url}/?c=1&lang=r&autoeval=false")
    expect(Cell(page).ready().node).to_have_attribute("language", "r")


def test_a_file_of_the_student_reaches_the_code(page, cell):
    cell.node.locator("input[type=file]").set_input_files(
        files=[{"name": "data.txt", "mimeType": "text/plain", "buffer": b"seven"}]
    )
    expect(cell.node.locator(".uploads")).to_contain_text("data.txt")
    cell.run("print(open('data.txt').read())").shows("seven")
