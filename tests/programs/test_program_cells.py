"""Cells of languages that a program of the host runs: what it prints, asks, says of mistakes, keeps and leaves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.checking_client import CheckingClient
from tests.client import of_type
from tests.programs.cells import CELLS, c, cpp, java
from tests.programs.directly import run_directly


@pytest.fixture
def client(server) -> CheckingClient:
    """A client of the running server."""
    return CheckingClient(server.url)


def of(language: str, *values: object) -> object:
    """Return the parameters of a test that needs a language."""
    return pytest.param(language, *values, marks=getattr(pytest.mark, language), id=f"{language}-{len(str(values))}")


# How many sessions a language's cells are given to: the compilers of two keep both processors busy.
SESSIONS = {"c": 2, "cpp": 2, "java": 2}


@pytest.mark.parametrize("language", [of(name) for name in CELLS])
def test_ten_cells_print_what_the_program_prints_directly(client, language, tmp_path):
    def said(cells: list[str]) -> list[str]:
        session, texts = {}, []
        for code in cells:
            outcome = client.run(code, language=language, keep=True, **session)
            assert (outcome.state, outcome.of_type("error")) == ("done", []), outcome.messages
            session = {"session": outcome.description["session"]}
            texts.append(outcome.text() + outcome.text("stderr"))
        client.end_session(session["session"])
        return texts

    cells, sessions = CELLS[language], SESSIONS.get(language, 1)
    assert len(cells) == 10
    with ThreadPoolExecutor(sessions) as readers:
        found = list(readers.map(said, [cells[number::sessions] for number in range(sessions)]))
    expected = run_directly(language, cells, tmp_path)
    assert found == [expected[number::sessions] for number in range(sessions)]


WRONG = [
    of("c", c("int x = 1;\nreturn y;"), "CompileError", "line 4: ‘y’ undeclared"),
    of("c", "int f(void) { return 1; }", "CompileError", "a cell is a whole program: it needs a function main"),
    of("c", c("int *p = 0; puts(\"before\"); return *p;"), "ProgramError", "the program was ended by SIGSEGV"),
    of("c", c("return 3;"), "ProgramError", "the program ended with exit code 3"),
    of("cpp", cpp("vector<int> v;\nv.push(1);"), "CompileError", "line 9: "),
    of("cpp", cpp("vector<int> v; v.at(3);"), "ProgramError", "SIGABRT"),
    of("bash", "exit 4", "ProgramError", "Bash ended with exit code 4"),
    of("javascript", "\n\nnope()", "ReferenceError", "nope is not defined"),
    of("javascript", "let = = 1", "SyntaxError", ""),
    of("javascript", "setTimeout(() => { throw new TypeError('late') }, 5)", "TypeError", "late"),
    of("octave", "x = 1;\ny = x + nope", "error", "(line 2)"),
    of("octave", "x = 1;\ny = (2\nz = 3", "error", "parse error near line 3"),
    of("java", java("    int x = 1"), "CompileError", "line 5: ';' expected"),
    of("java", java("    int[] a = new int[2]; a[2] = 1;"), "ProgramError", "exit code 1"),
]


@pytest.mark.parametrize(("language", "code", "name", "words"), WRONG)
def test_a_mistake_is_an_error_with_the_readers_line_and_none_of_ours(client, language, code, name, words):
    outcome = client.run(code, language=language)
    assert outcome.state == "done" and outcome.error["ename"] == name
    assert words in outcome.error["evalue"]
    shown = "\n".join(outcome.error["traceback"]) + outcome.text("stderr")
    assert "untrusted" not in shown and "Traceback" not in shown and "/tmp/" not in shown
    assert language != "javascript" or "TypeError" in shown or "cell:" in shown


ASKS = [
    of("c", c('int a, b; printf("two: "); scanf("%d %d", &a, &b); printf("%d\\n", a + b);'), "two: 7\n"),
    of("cpp", cpp('int a, b; cout << "two: "; cin >> a >> b; cout << a + b << endl;'), "two: 7\n"),
    of("bash", "read a\nread b\necho $((a + b))", "7\n"),
    of("javascript", "const a = prompt('two: '), b = prompt(); console.log(+a + +b)", "two: 7\n"),
    of("java", java("    var in = new Scanner(System.in); System.out.println(in.nextInt() + in.nextInt());"), "7\n"),
]


@pytest.mark.parametrize(("language", "code", "printed"), ASKS)
def test_what_reads_standard_input_asks_for_its_lines(client, language, code, printed):
    computation = client.submit(code, language=language)["id"]
    for number, answer in enumerate(("3", "4"), 1):
        client.until_asked(computation, number)
        assert client.answer(computation, answer).status_code == 202
    outcome = client.finish(computation)
    assert (outcome.text(), outcome.of_type("error")) == (printed, [])
    assert len(of_type(outcome.messages, "input_request")) == 2


KEPT = [
    of("bash", "x=4; cd /tmp; f() { echo $((x + 1)); }", "f; pwd", "5\n/tmp\n"),
    of("javascript", "let x = 4; const f = () => x + 1", "console.log(f())", "5\n"),
    of("octave", "x = 4; f = @() x + 1;", "disp (f ())", "5\n"),
    of("c", c('fputs("5", fopen("n", "w"));'), c('puts(fgets((char[9]){0}, 9, fopen("n", "r")));'), "5\n"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "first", "second", "printed"), KEPT)
def test_a_kept_session_keeps_variables_or_files(client, language, first, second, printed):
    session = client.run(first, language=language, keep=True).description["session"]
    assert client.run(second, session=session).text() == printed


STOPPED = [
    of("c", c('puts("on"); while (1);')),
    of("bash", "echo on; sleep 100"),
    of("javascript", "console.log('on'); while (true);"),
    of("octave", "disp ('on'); fflush (stdout); pause (100)"),
    of("java", java('    System.out.println("on"); while (true);')),
]


@pytest.mark.parametrize(("language", "code"), STOPPED)
def test_stop_ends_the_program_and_not_the_session(client, language, code):
    description = client.submit(code, language=language, keep=True)
    client.until_printed(description["id"])
    assert client.interrupt(description["id"]).status_code == 202
    outcome = client.finish(description["id"])
    assert outcome.error["ename"] == "KeyboardInterrupt"
    again = {"bash": "echo 2", "javascript": "console.log(2)", "octave": "disp (2)"}
    code = again.get(language) or (java('System.out.println("2");') if language == "java" else c("puts(\"2\");"))
    assert client.run(code, session=outcome.description["session"]).text() == "2\n"


HOSTILE = [
    of("c", c("while (1) { fork(); malloc(1 << 20); }", "stdlib.h", "unistd.h")),
    of("c", c("signal(SIGINT, SIG_IGN); setsid(); fork(); while (1) puts(\"flood\");", "signal.h", "unistd.h")),
    of("c", '#include "/dev/zero"\nint main(void) { return 0; }'),
    of("cpp", "template<int n> struct S { S<n + 1> s; S<n - 1> t; };\nint main() { S<0> s; }"),
    of("bash", ":(){ :|:& };:; while :; do :; done"),
    of("bash", "for fd in {3..30}; do echo '{\"figures\": \"/etc/passwd\"}' >&$fd; done 2>/dev/null; echo x"),
    of("javascript", "const a = []; while (true) a.push(new Array(1e6).fill(1));"),
    of("javascript", "JSON.stringify = () => 'no'; process.removeAllListeners('beforeExit');"),
    of("octave", "a = {}; while true, a{end + 1} = ones (1000); end"),
    of("octave", "while true, system (':(){ :|:& };:', false, 'async'); fdisp (3 + rand (), 'x'); end"),
    of("java", java("    while (true) new Thread(() -> { while (true); }).start();")),
]


@pytest.mark.parametrize(("language", "code"), HOSTILE)
def test_hostile_code_ends_at_its_limits_and_no_neighbour_notices(client, language, code):
    hostile = client.submit(code, language=language)["id"]
    assert client.run("6*7").result == "42"
    outcome = client.finish(hostile, deadline_s=60)
    assert outcome.state in ("done", "failed", "interrupted")
    assert "root:" not in outcome.text() + outcome.text("stderr")


@pytest.mark.octave
def test_a_plot_of_octave_is_a_picture_of_its_own_size(client):
    outcome = client.run("x = linspace (0, 6, 50); plot (x, sin (x)); title ('a wave')", language="octave")
    (content,) = outcome.of_type("display_data")
    assert content["data"]["image/png"].startswith("iVBOR") and outcome.text("stderr") == ""


@pytest.mark.javascript
def test_the_value_of_a_cell_of_javascript_is_shown(client):
    assert client.run("[1, 'a']", language="javascript").result == "[ 1, 'a' ]"
    assert client.run("await Promise.resolve(5)", language="javascript").of_type("error") == []


@pytest.mark.parametrize(
    ("language", "mime", "text"),
    [("markdown", "text/markdown", "# Title\n\n$x^2$"), ("html", "text/html", "<b>\"\"\"bold\\'''\"\"\"</b>\n$x^2$")],
)
def test_a_text_is_shown_as_it_is(client, language, mime, text):
    (content,) = client.run(text, language=language).of_type("display_data")
    assert content["data"][mime] == text


@pytest.mark.c
def test_completion_offers_no_names_of_python(client):
    assert client.complete("-", "prin", language="c")["matches"] == []
