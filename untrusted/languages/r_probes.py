"""Makes the cell with which R tells a check the values of expressions, as plain data (``untrusted/plain_values.py``).

It runs beside the answer's own code, which may have changed any part of it: what comes out is only what the answer says
of itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

EACH_S, ALL_S = 2.0, 4.0
PARTS_MAX = 20_000
TEXT_CHARS_MAX, SHOWN_CHARS_MAX = 20_000, 500

# Each expression is evaluated in a fork: what one of them changes, nothing else sees.
_TELL = f"""
local({{
    text <- function(x, most = {TEXT_CHARS_MAX}) substr(enc2utf8(as.character(x)), 1L, most)
    part <- function(x) {{
        if (is.na(x) && !is.nan(x)) return(list("none"))
        if (is.double(x) && is.finite(x) && x == round(x) && abs(x) < 2^31) x <- as.integer(x)
        switch(typeof(x),
            logical = list("bool", x),
            integer = list("int", sprintf("%s%x", if (x < 0L) "-" else "", abs(x))),
            double = list("float", sprintf("%a", x)),
            complex = list("complex", sprintf("%a", Re(x)), sprintf("%a", Im(x))),
            list("str", text(x)))
    }}
    named <- function(x, values) {{
        if (is.null(names(x))) return(list("list", unname(values)))
        list("dict", unname(Map(function(name, value) list(list("str", text(name)), value), names(x), values)))
    }}
    plain <- function(x) {{
        if (length(x) > {PARTS_MAX}) stop("it has more than {PARTS_MAX} parts")
        if (is.null(x)) return(list("none"))
        if (is.factor(x) || inherits(x, c("Date", "POSIXt"))) x <- structure(as.character(x), names = names(x))
        if (is.data.frame(x)) return(named(x, lapply(x, column)))
        if (is.list(x) && !is.object(x)) return(named(x, lapply(x, plain)))
        if (is.function(x)) return(list("shown", "function", "function"))
        if (!is.atomic(x)) {{
            shown <- paste(capture.output(print(x)), collapse = "\\n")
            return(list("shown", text(class(x)[1L], 100L), text(shown, {SHOWN_CHARS_MAX}L)))
        }}
        if (length(dim(x)) == 2L) return(list("list", lapply(seq_len(nrow(x)), function(i) column(x[i, ]))))
        if (length(dim(x)) == 1L) x <- structure(as.vector(x), names = names(x))
        if (length(x) == 1L && is.null(names(x))) return(part(as.vector(x)))
        named(x, lapply(as.vector(x), part))
    }}
    column <- function(x) {{
        if (is.factor(x) || is.object(x)) x <- as.character(x)
        list("list", lapply(unname(as.vector(x)), if (is.list(x)) plain else part))
    }}
    evaluate <- function(expression) tryCatch({{
        printed <- capture.output(value <- eval(parse(text = expression, keep.source = FALSE), globalenv()))
        list(value = plain(value), printed = text(paste0(printed, "\\n", collapse = "")))
    }}, error = function(error) {{
        list(failed = text(class(error)[1L], 100L), message = text(conditionMessage(error), 300L), printed = "")
    }})
    failed <- function(name, message) sprintf('{{"failed": "%s", "message": "%s", "printed": ""}}', name, message)
    until <- proc.time()[["elapsed"]] + {ALL_S}
    tell <- function(expression) {{
        left_s <- min({EACH_S}, until - proc.time()[["elapsed"]])
        if (left_s <= 0) return(failed("TimeLimit", "It took too long."))
        fork <- parallel::mcparallel(
            as.character(jsonlite::toJSON(evaluate(expression), auto_unbox = TRUE)), mc.set.seed = FALSE, silent = TRUE
        )
        said <- parallel::mccollect(fork, wait = FALSE, timeout = left_s)
        tools::pskill(fork$pid, tools::SIGKILL)
        suppressWarnings(parallel::mccollect(fork))
        if (is.null(said)) return(failed("TimeLimit", "It took too long."))
        if (is.character(said[[1L]])) said[[1L]] else failed("KernelDied", "It ended the program.")
    }}
    told <- vapply(c(EXPRESSIONS), tell, "")
    writeLines(paste0("[", paste(told, collapse = ","), "]"), FILE, useBytes = TRUE)
}})
"""


def cell(expressions: Sequence[str], file: str) -> str:
    """Return the code that writes what each of the expressions comes to into a file, as a list in JSON."""
    texts = ", ".join(json.dumps(expression, ensure_ascii=False) for expression in expressions)
    return _TELL.replace("EXPRESSIONS", texts).replace("FILE", json.dumps(file))
