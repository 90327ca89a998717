"""A published check judges answers in R: it asks for R's values, and compares them in Python."""

from __future__ import annotations

ANSWER = """
square <- function(x) { calls <<- calls + 1; if (!is.numeric(x)) stop("no number"); x^2 }
calls <- 0
table <- data.frame(name = c("a", "b"), size = c(1.5, NA), kind = factor(c("u", "v")))
says <- function() { cat("hi\\n"); invisible(3L) }
"""
CHECK = """
test("square(3)", 9)
test("square(c(1, 2))", [1, 4])
test("calls", 0)
raises('square("a")', "simpleError")
test("table", {"name": ["a", "b"], "size": [1.5, None], "kind": ["u", "v"]})
test("matrix(1:4, 2)", [[1, 3], [2, 4]])
test("c(a = 1, b = 2)", {"a": 1, "b": 2})
test("list(1L, 'größe', list(x = TRUE), NULL)", [1, "größe", {"x": True}, None])
test("c(1/0, -5L, 1e-300)", [float("inf"), -5, 1e-300])
test("sqrt(as.complex(-1))", 1j)
test("as.Date('2024-02-29')", "2024-02-29")
test("{ set.seed(1); round(runif(1), 6) }", 0.265509)
test("says()", 3)
test("class(lm(mpg ~ wt, mtcars))", "lm", shown=False)
test("lm(mpg ~ wt, mtcars)", lambda found: "Coefficients" in str(found))
assert printed("says()") == "hi\\n", printed("says()")
assert "square" in code and output == "" and "function" in str(answer("square"))
points(1)
"""


def test_a_right_answer_passes_every_test(client) -> None:
    verdict = client.judge(ANSWER, client.publish(CHECK, "r"), "r")
    assert [test for test in verdict["tests"] if not test["passed"]] == [] and verdict["message"] == ""
    assert (verdict["correct"], verdict["points"]) == (True, 16)


def test_a_wrong_answer_is_told_what_it_gives(client) -> None:
    check = 'test("f(2)", 4)\ntest("repeat {}", 1)\ntest("nope", 1)\ntest("q()", 1)\ntest("f(3)", 9)'
    verdict = client.judge("f <- function(x) x + 2", client.publish(check, "r"), "r")
    tests = verdict["tests"]
    assert [test["passed"] for test in tests] == [True, False, False, False, False]
    assert (tests[1]["got"], tests[4]["got"]) == ("TimeLimit: It took too long.", "5")
    assert tests[2]["got"] == "simpleError: object 'nope' not found"


def test_what_an_answer_does_to_the_functions_that_tell_of_it_harms_itself_alone(client) -> None:
    code = "x <- 1\nlocal({ e <- baseenv(); unlockBinding('sprintf', e); assign('sprintf', function(...) 'no', e) })"
    verdict = client.judge(code, client.publish('test("x", 1)', "r"), "r")
    assert verdict["correct"] is False and "fault" not in verdict
