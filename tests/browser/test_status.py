"""The status of a cell tells what is so, in the reader's language."""

from __future__ import annotations

import re

import requests
from playwright.sync_api import Route

from tests.browser.cell import Cell
from tests.browser.sight import expect, until
from tests.browser.test_nothing_lost import attach
from tests.browser.test_queue import nobody_claims

# Language → what the button says, and the status after a run.
SAID = {
    "ar": ("تشغيل", "تمّ"),
    "de-AT": ("Ausführen", "Fertig"),
    "en": ("Run", "Done"),
    "es": ("Ejecutar", "Terminado"),
    "fr": ("Exécuter", "Terminé"),
    "hi": ("चलाएँ", "पूरा हुआ"),
    "ja": ("実行", "完了"),
    "pt-BR": ("Executar", "Concluído"),
    "zh-Hans": ("运行", "完成"),
    "tlh": ("Run", "Done"),  # which nobody has, spoken by a browser that is English
}
WATCH = """cell => { window.said = [];
  const status = cell.shadowRoot.querySelector(".status span");
  new MutationObserver(() => window.said.push(status.textContent)).observe(status, { childList: true }) }"""


def test_a_cell_speaks_the_language_of_its_page(embed, page):
    for lang, (run, done) in SAID.items():
        cell = embed("<single-cell>1 + 1</single-cell>", lang=lang)
        expect(cell.button, lang).to_have_text(run)
        cell.run()
        expect(cell.status, lang).to_have_text(re.compile(f"^{done}"))
        page.evaluate("localStorage.clear()")  # what has run would be kept for the next page
    assert page.watch.errors == []


def test_a_cell_whose_language_does_not_come_speaks_english(embed, page):
    page.route("**/texts-*", lambda route: route.abort())
    cell = embed("<single-cell autorun>print(6 * 7)</single-cell>", lang="fr")
    expect(cell.button).to_have_text("Run")
    cell.shows("42")


def test_a_run_that_a_page_asks_for_while_the_language_is_loaded_takes_place(embed, page):
    def run_first(route):
        page.evaluate("() => void document.querySelector('single-cell').run()")
        route.continue_()

    page.route("**/texts-*", run_first)
    embed("<single-cell>print(6 * 7)</single-cell>", lang="de").shows("42")


def test_sending_is_said_while_it_is_sent_and_no_longer(cell, page, server):
    held: list[Route] = []
    page.route("**/computations?*", lambda route: held.append(route))
    attach(cell, ("large.bin", bytes(300_000)))
    expect(cell.node.locator(".uploads")).to_contain_text("large.bin")
    with nobody_claims(server), page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        cell.start("import os; print(os.path.getsize('large.bin'))")
        until(page, lambda: len(held) > 0)
        expect(cell.status).to_contain_text("Sending")
        held[0].continue_()
        assert sent.value.status == 201
        expect(cell.status).to_contain_text("Waiting for a free place")
    cell.shows("300000")


def test_a_cell_behind_a_linked_one_says_at_once_what_it_waits_for(embed, page):
    first = embed("<single-cell linked id=a></single-cell><single-cell linked id=b></single-cell>")
    second = Cell(page, "#b")
    first.start("import time\nprint('begun')\nwhile True: time.sleep(0.05)").shows("begun")
    second.node.evaluate(WATCH)
    second.start("print('after')")
    expect(second.status).to_have_text("Waiting for another cell of this page …")
    assert page.evaluate("said.filter((sentence) => !/^(Sending|Waiting for another)/.test(sentence))") == []
    first.node.evaluate("cell => void cell.stop()")
    second.shows("after")


def test_two_linked_cells_that_start_at_once_say_who_waits(embed, page, server):
    embed("<single-cell linked id=a></single-cell><single-cell linked id=b></single-cell>")
    first, second = Cell(page, "#a"), Cell(page, "#b")
    with nobody_claims(server):
        first.start("print('first')")
        second.start("print('second')")
        expect(second.status).to_have_text("Waiting for another cell of this page …")
        expect(first.status).to_contain_text("Waiting for a free place")
    second.shows("second")


def test_hidden_code_that_runs_first_is_no_sending(embed):
    setup = "<script type='text/x-python' data-setup>import time; time.sleep(1)</script>"
    cell = embed(f"<single-cell>{setup}<pre>print('ready')</pre></single-cell>")
    cell.node.evaluate(WATCH)
    cell.start()
    expect(cell.status).to_have_text("Preparing …")
    cell.shows("ready")


def test_a_reload_does_not_send_anything(page, cell):
    cell.run("print('here')")
    held = []
    page.route("**/computations/*", lambda route: route.continue_() if held else held.append(route))
    page.reload()
    expect(cell.status).to_have_text("Getting the output …")
    until(page, lambda: len(held) > 0)
    held[0].continue_()
    cell.ends()


def test_a_full_queue_is_said_and_the_run_takes_place_when_there_is_room(embed, page, server):
    cell = embed("<single-cell>print('at last')</single-cell>", lang="ja")
    most = int(requests.get(f"{server.url}/limits").json()["limits"]["queue_length_max"]["value"])
    with nobody_claims(server), requests.Session() as http:
        ids = []
        for _ in range(most + 1):
            answer = http.post(f"{server.url}/computations", json={"code": "1"})
            if answer.status_code == 503:
                break
            ids.append(answer.json()["id"])
        assert answer.status_code == 503
        cell.start()
        expect(cell.status).to_contain_text("このサーバーで待っているプログラムが多すぎます。 再試行しています…")
        for one in ids:
            http.delete(f"{server.url}/computations/{one}")
    cell.shows("at last")


def test_a_server_that_is_asked_too_often_is_asked_again(page, cell):
    """nginx says so to whoever reads messages, too."""
    seen: list[bool] = []

    def refuse(route):
        if seen:
            return route.continue_()
        problem = {"type": "about:blank", "title": "Too Many Requests", "status": 429, "detail": "Too many requests."}
        headers = {"Retry-After": "1", "Access-Control-Allow-Origin": "*"}
        return route.fulfill(status=429, json=problem, headers=headers, content_type="application/problem+json")

    page.route("**/messages?*", refuse)
    cell.start("import time; time.sleep(0.5); print('all the same')")
    expect(cell.status).to_contain_text("Trying again")
    seen.append(True)
    cell.shows("all the same").ends()
    expect(cell.output.locator(".notice")).to_have_count(0)


REFUSALS = {
    "en": r"The code is longer than \d+(\.\d)? kB, the most that this server takes\.",
    "es": r"El código supera \d+(\.\d)? kB, lo máximo que acepta este servidor\.",
    "zh": r"代码超过 \d+(\.\d)? kB，这是此服务器接受的上限。",
}


def test_the_server_refuses_in_the_readers_language(embed, server):
    most = int(requests.get(f"{server.url}/limits").json()["limits"]["code_bytes_max"]["value"])
    for lang, sentence in REFUSALS.items():
        cell = embed("<single-cell></single-cell>", lang=lang)
        cell.start("#" * (most + 1))
        expect(cell.status, lang).to_have_text(re.compile(sentence))
        expect(cell.status, lang).to_have_class(re.compile("bad"))


def test_limits_are_said_in_the_readers_language(embed):
    cell = embed("<single-cell></single-cell>", lang="pt")
    cell.run("kept = []\nwhile True: kept.append(bytearray(50_000_000))", "failed")
    expect(cell.status).to_have_text("Interrompido: usou memória demais")
