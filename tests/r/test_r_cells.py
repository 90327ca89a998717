"""R's cells say what R says: values, tables, plots, warnings, errors and questions."""

from __future__ import annotations

import base64
import re
import struct

import pytest

from harness.processes import wait_for
from tests.r.conftest import run_directly

VALUES = (
    "1 + 1", "c(a = 1, b = NaN)", "list(1, 'a')", "factor(c('u', 'v'))", "'text'", "NULL", "seq(0, 1, 0.1)",
    "NA || TRUE",
    "summary(lm(mpg ~ wt, mtcars))$r.squared", "table(c(1, 1, 2))", "t.test(extra ~ group, sleep)", "2^31", "1i^2",
    "strsplit('a,b', ',')", "quantile(mtcars$mpg)", "as.Date('2024-02-29') + 1",
)  # fmt: skip


@pytest.fixture(scope="module")
def session(client) -> str:
    """A session of R that is kept for the tests of this file."""
    return client.run("kept <- 40", keep=True).description["session"]


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    """What R itself prints of each value."""
    mark = "--- the next value ---"
    texts = run_directly(f"; cat('{mark}'); ".join(f"print({code})" for code in VALUES)).split(mark)
    return dict(zip(VALUES, texts, strict=True))


@pytest.mark.parametrize("code", VALUES)
def test_a_value_is_what_r_prints(client, session, code, printed) -> None:
    (shown,) = client.run(code, session=session, keep=True).of_type("display_data")
    assert shown["data"]["text/plain"].rstrip("\n") == printed[code].rstrip("\n")
    assert "text/html" not in shown["data"]


def test_a_session_keeps_its_variables_and_counts_its_cells(client, session) -> None:
    outcome = client.run("kept + 2", session=session, keep=True)
    assert outcome.of_type("display_data")[0]["data"]["text/plain"] == "[1] 42"
    assert outcome.of_type("execute_input")[0]["execution_count"] > 1


def test_a_table_is_html_and_says_how_much_is_left_out_of_a_million_rows(client, session) -> None:
    (small,) = client.run("data.frame(a = 1:2, b = c('x', 'y'))", session=session, keep=True).of_type("display_data")
    assert "<td>x</td>" in small["data"]["text/html"] and small["data"]["text/plain"] == "  a b\n1 1 x\n2 2 y"
    (large,) = client.run("data.frame(a = 1:1e6)", session=session, keep=True).of_type("display_data")
    assert "1000000 × 1" in large["data"]["text/html"] and len(large["data"]["text/html"]) < 100_000


def test_a_plot_is_a_picture_of_the_size_that_is_asked(client, session) -> None:
    (plot,) = client.run("plot(1:3, main = 'Größe')", session=session, keep=True).of_type("display_data")
    assert size_of(plot) == (1280, 960)
    assert plot["metadata"]["image/png"] == {"width": 640, "height": 480}
    code = "options(repr.plot.width = 3, repr.plot.height = 2, repr.plot.res = 150)\nhist(mtcars$mpg)"
    (plot,) = client.run(code, session=session, keep=True).of_type("display_data")
    assert size_of(plot) == (450, 300)


def size_of(shown: dict) -> tuple[int, int]:
    """Return width and height of a PNG, in pixels."""
    png = base64.b64decode(shown["data"]["image/png"])
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


ORDER = {
    "plot(1)\n2\nplot(3)\n4": ["plot", "[1] 2", "plot", "[1] 4"],
    "cat('a')\nplot(1)\ncat('b')": ["a", "plot", "b"],
    "for (i in 1:2) { plot(i); cat(i) }\nx <- 1": ["plot", "1", "plot", "2"],
    "plot(1)\nlines(1)\nabline(1, 0)": ["plot"],
    "plot(1)\n2\nlines(1)\n3": ["plot", "[1] 2", "update", "[1] 3"],
    "plot(1)\nmessage('m')\nlines(1)": ["plot", "m\n\n", "update"],
    "plot(1)\nstop('so')": ["plot", "Error in eval(expr, envir, enclos): so\n"],
    "plot(1)\nx <- readline('? ')": ["plot", "? "],
    "2\ninvisible(plot(1))\ninvisible(3)": ["[1] 2", "plot"],
}


@pytest.mark.parametrize("code", ORDER)
def test_plots_come_in_the_order_of_the_cell(client, session, code) -> None:
    computation = client.submit(code, session=session, keep=True, stdin=True)["id"]
    if "readline" in code:
        client.until_asked(computation)
        client.answer(computation, "x")
    assert [said for message in client.finish(computation).messages if (said := what(message))] == ORDER[code]


def what(message: dict) -> str:
    """Return what a reader sees of a message, in a word."""
    kind, content = message["header"]["msg_type"], message["content"]
    if kind in ("display_data", "update_display_data") and "image/png" in content["data"]:
        assert content["transient"]["display_id"]
        return "plot" if kind == "display_data" else "update"
    shown = content.get("data", {}).get("text/plain") if kind == "display_data" else ""
    return shown or content.get("text") or content.get("evalue" if kind == "error" else "prompt") or ""


def test_a_plot_that_grows_is_the_one_that_r_itself_draws_at_the_end(client, session) -> None:
    whole = client.run("plot(1)\nabline(1, 0)", session=session, keep=True).of_type("display_data")
    grown = client.run("plot(1)\n2\nabline(1, 0)", session=session, keep=True)
    (first, _value), (update,) = grown.of_type("display_data"), grown.of_type("update_display_data")
    assert update["transient"] == first["transient"]
    assert update["data"]["image/png"] == whole[0]["data"]["image/png"] != first["data"]["image/png"]


def test_a_plot_can_be_svg(client) -> None:
    code = "options(jupyter.plot_mimetypes = 'image/svg+xml', repr.plot.width = 3, repr.plot.height = 2)\nplot(1)"
    (plot,) = client.run(code).of_type("display_data")
    assert re.search(r'<svg [^>]*width="216pt" height="144pt"', plot["data"]["image/svg+xml"])


def test_ggplot2_draws(client) -> None:
    (plot,) = client.run("library(ggplot2)\nggplot(mtcars, aes(wt, mpg)) + geom_point()").of_type("display_data")
    assert size_of(plot) == (1280, 960)


def test_a_plot_of_no_size_is_an_error_and_the_next_one_is_drawn(client) -> None:
    session = client.run("options(repr.plot.width = 0)", keep=True).description["session"]
    outcome = client.run("plot(1)\n5", session=session, keep=True)
    assert "invalid 'width'" in outcome.error["evalue"]
    assert [shown["data"]["text/plain"] for shown in outcome.of_type("display_data")] == ["plot without title", "[1] 5"]
    outcome = client.run("options(repr.plot.width = 3)\nplot(1)", session=session)
    assert outcome.of_type("display_data")[0]["data"]["image/png"]


def test_an_error_says_the_line_of_the_reader(client, session) -> None:
    error = client.run("f <- function(n) {\n  stop('broken ', n)\n}\nf(3)", session=session, keep=True).error
    assert error["evalue"].strip() == "Error in f(3): broken 3"
    assert "at line 2" in "".join(error["traceback"])
    error = client.run("x <- 1\ny <- (2 +", session=session, keep=True).error
    assert "3:0: unexpected end of input" in error["evalue"]


def test_warnings_and_messages_go_to_standard_error(client, session) -> None:
    outcome = client.run("x <- log(-1); message('so'); warning('mind')", session=session, keep=True)
    said = outcome.text("stderr")
    assert "Warning message in log(-1):\n“NaNs produced”" in said and "so\n" in said and "“mind”" in said
    assert outcome.of_type("execute_reply")[0]["status"] == "ok"


def test_readline_asks_the_reader(client) -> None:
    computation = client.submit("name <- readline('Who? ')\ncat('Hello', name)", stdin=True)["id"]
    client.until_asked(computation)
    client.answer(computation, "Zoë")
    outcome = client.finish(computation)
    assert (outcome.of_type("input_request")[0]["prompt"], outcome.text()) == ("Who? ", "Hello Zoë")


@pytest.mark.parametrize("long", ["Sys.sleep(600)", "repeat {}", "x <- readline('? ')"])
def test_stop_ends_the_cell_and_not_the_session(client, long) -> None:
    computation = client.submit(f"kept <- 7\ncat('go'); flush.console()\n{long}", keep=True, stdin=True)
    client.until_asked(computation["id"]) if "readline" in long else client.until_printed(computation["id"])
    assert client.interrupt(computation["id"]).status_code == 202
    outcome = client.finish(computation["id"])
    assert (outcome.state, outcome.error["ename"]) == ("done", "KeyboardInterrupt")
    assert client.run("cat(kept)", session=computation["session"]).text() == "7"


def test_a_stop_at_the_very_beginning_is_not_lost(client) -> None:
    computation = client.submit("Sys.sleep(600)", keep=True)
    client.until(computation["id"], lambda messages: len(messages) > 0)
    client.interrupt(computation["id"])
    assert client.finish(computation["id"]).error["ename"] == "KeyboardInterrupt"
    assert client.run("cat(1 + 1)", session=computation["session"]).text() == "2"


def test_stop_ends_a_program_that_the_cell_waits_for(client) -> None:
    computation = client.submit("cat('go'); flush.console()\nsystem('sleep 600')\ncat(' on')")
    client.until_printed(computation["id"])
    client.interrupt(computation["id"])
    outcome = client.finish(computation["id"])
    assert (outcome.state, outcome.text()) == ("done", "go on")  # as R itself goes on


def test_files_go_in_and_come_out(client) -> None:
    code = "data <- read.csv('data.csv')\nwrite.csv(data.frame(s = colSums(data)), 'sums.csv')\nsystem('cat data.csv')"
    outcome = client.run_with(code, ("data.csv", b"a,b\n1,2\n3,4\n"), language="r")
    assert outcome.text() == "a,b\n1,2\n3,4\n"
    (file,) = outcome.files
    assert (file["name"], client.fetch(file).text) == ("sums.csv", '"","s"\n"a",4\n"b",6\n')


def test_help_comes_in_the_pager(client, session) -> None:
    (reply,) = client.run("?mean", session=session, keep=True).of_type("execute_reply")
    (page,) = [payload for payload in reply["payload"] if payload["source"] == "page"]
    assert "Arithmetic Mean" in page["data"]["text/html"]


def test_latin_1_is_read_as_it_says_and_other_bytes_are_replaced(client, session) -> None:
    code = "x <- 'Gr\\xfc\\xdfe'; Encoding(x) <- 'latin1'; print(x); cat(rawToChar(as.raw(c(0x47, 0xf6))))"
    assert client.run(code, session=session, keep=True).text() == '[1] "Grüße"\nG\ufffd'


def test_quit_does_not_end_the_session_and_says_so(client, session) -> None:
    assert client.run("q()", session=session, keep=True).text("stderr") == "The session goes on: it ends by itself.\n"
    assert client.run("cat(kept)", session=session, keep=True).text() == "40"


def test_completion_and_inspection_are_rs(client, session) -> None:
    client.run("a_long_name <- 5", session=session, keep=True)
    assert client.complete(session, "a_lo")["matches"] == ["a_long_name"]
    assert "read.csv" in client.complete("-", "read.c", language="r")["matches"]
    assert "Arithmetic Mean" in client.inspect("-", "mean", language="r")["data"]["text/plain"]


def test_random_numbers_differ_between_sessions_and_are_those_of_a_seed(client) -> None:
    drawn = [client.run("cat(runif(1), tempfile())").text() for _ in range(3)]
    assert len({text.split()[0] for text in drawn}) == 3
    assert client.run("set.seed(7); cat(rnorm(2))").text() == run_directly("set.seed(7); cat(rnorm(2))")


def test_a_session_that_eats_the_memory_ends_with_that_reason(client) -> None:
    outcome = client.run("x <- list(); i <- 0\nrepeat { i <- i + 1; x[[i]] <- numeric(5e6) + i }")
    assert (outcome.state, outcome.reason) == ("failed", "memory") or "cannot allocate" in outcome.error["evalue"]


def test_a_session_that_dies_takes_no_neighbour_along(client, session) -> None:
    outcome = client.run("tools::pskill(Sys.getpid(), 9)")
    assert (outcome.state, outcome.reason) == ("failed", "kernel_died")
    assert client.run("cat(kept)", session=session, keep=True).text() == "40"


DIFFERENCE = """
suppressMessages({library(limma); library(edgeR)})
set.seed(1)
counts <- matrix(rnbinom(6000, mu = 50, size = 5), 1000)
counts[1:10, 4:6] <- counts[1:10, 4:6] * 8
dimnames(counts) <- list(paste0("gene", 1:1000), paste0("s", 1:6))
group <- factor(rep(c("a", "b"), each = 3))
y <- calcNormFactors(DGEList(counts, group = group))
fit <- eBayes(lmFit(voom(y, model.matrix(~group))))
top <- topTable(fit, coef = 2, number = 5)
cat(rownames(top), signif(top$adj.P.Val, 6))
"""


def test_differential_expression_comes_to_the_numbers_of_r_itself(client) -> None:
    session = client.run(DIFFERENCE, keep=True)
    assert session.text() == run_directly(DIFFERENCE) != ""
    code = "volcanoplot(fit, coef = 2, highlight = 5)\ntop"
    shown = client.run(code, session=session.description["session"]).of_type("display_data")
    assert ["image/png" in bundle["data"] for bundle in shown] == [True, False]
    assert "gene" in shown[1]["data"]["text/html"]


def test_the_language_is_listed_with_its_version(client) -> None:
    wait_for(lambda: listed(client)["available"])
    assert (listed(client)["label"], listed(client)["install"]) == ("R", "make r")
    assert listed(client)["version"] == run_directly("cat(as.character(getRversion()))")


def listed(client) -> dict:
    """Return what the server says of R."""
    languages = client.http.get(f"{client.url}/languages").json()["languages"]
    return next(language for language in languages if language["name"] == "r")


# What code may not reach, and how R says that it did not.
DOORS = {
    "a file of the host": "readLines('/etc/shadow')",
    "a directory of the host": "stopifnot(length(list.files('/root')) > 0)",
    "a write to R's own library": "writeLines('x', '/usr/lib/R/library/x')",
    "the network": "url('http://127.0.0.1:80', open = 'r')",
    "a port of its own": "serverSocket(4000)",
    "a process outside": "stopifnot(tools::pskill(1, 9), !file.exists('/proc/2'))",
    "variables of the host": "stopifnot(any(grepl('SECRET', names(Sys.getenv()))))",
}


@pytest.mark.parametrize("door", DOORS)
def test_a_cell_comes_out_of_its_session_no_more_than_python_does(client, door) -> None:
    outcome = client.run(f"x <- suppressWarnings({DOORS[door]})\ncat('out')")
    assert outcome.state == "done" and outcome.text() == "" and outcome.error["ename"] == "ERROR"
