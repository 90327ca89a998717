"""Pages, labels and output may go from right to left; code stays from left to right."""

from __future__ import annotations

from tests.browser.sight import expect
from tests.browser.test_accessibility import violations

# Where the text of each line begins and ends, beside the edges of what holds it.
EDGES = """stream => {
  const box = stream.getBoundingClientRect();
  const [node] = stream.querySelector(".block").childNodes;
  return node.textContent.trimEnd().split("\\n").map(line => {
    const range = document.createRange();
    const start = node.textContent.indexOf(line);
    range.setStart(node, start);
    range.setEnd(node, start + line.length);
    const text = range.getBoundingClientRect();
    return [Math.round(text.left - box.left), Math.round(box.right - text.right)];
  })
}"""


def test_a_page_from_right_to_left_has_its_buttons_on_the_other_side(embed, page, packages):
    cell = embed("<main><h1>صفحة</h1><single-cell>x = 'سلام'  # كم؟</single-cell></main>", lang="ar", direction="rtl")
    expect(cell.button).to_have_text("تشغيل")
    share = cell.node.locator("[part=share-button]").bounding_box()
    assert cell.button.bounding_box()["x"] > share["x"]
    expect(cell.field).to_have_css("direction", "ltr")
    line, whole = (cell.node.locator(part).first.bounding_box() for part in (".pce-line", ".pce-wrapper"))
    assert line["x"] == whole["x"]
    cell.run("print('تمّ')\n1 / 0")
    expect(cell.status).to_contain_text("انتهى بخطأ")
    assert violations(page, packages) == []


def test_each_line_of_output_takes_the_direction_of_its_own_text(embed):
    for direction in ("ltr", "rtl"):
        cell = embed("<single-cell>print('שלום, עולם!\\nhello, world!\\n12 %')</single-cell>", direction=direction)
        cell.run().shows("hello")
        hebrew, english, percent = cell.output.locator(".stdout").evaluate(EDGES)
        assert hebrew[1] == 0 < hebrew[0]
        assert english[0] == percent[0] == 0 < english[1]


def test_code_that_an_error_shows_stays_from_left_to_right(embed):
    cell = embed("<single-cell># תיאור\n1 / 0  # שגיאה</single-cell>", lang="he", direction="rtl")
    cell.run()
    expect(cell.output.locator(".error-line code")).to_contain_text("1 / 0")
    expect(cell.output.locator(".error-line")).to_have_css("direction", "ltr")
    cell.output.locator(".error summary").click()
    stream = cell.output.locator(".error .stream")
    expect(stream).to_have_css("unicode-bidi", "normal")
    expect(stream).to_have_css("direction", "ltr")


def test_questions_and_answers_read_in_their_own_direction(embed, page):
    cell = embed("<single-cell>print(len(input('מה שמך? ')))</single-cell>", direction="rtl")
    cell.start()
    field = cell.output.get_by_label("מה שמך?")
    field.fill("דנה")
    assert field.evaluate("field => field.matches(':dir(rtl)')")
    field.press("Enter")
    cell.shows("3")
    field = cell.output.locator(".answered")
    expect(field).to_have_css("unicode-bidi", "plaintext")


def test_nothing_sticks_out_of_a_small_page_from_right_to_left(embed, page):
    page.set_viewport_size({"width": 320, "height": 640})
    cell = embed("<single-cell></single-cell>", lang="ar", direction="rtl")
    cell.run("print('كلمة ' * 200)\nimport pandas as pd\npd.DataFrame([range(30)])")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
