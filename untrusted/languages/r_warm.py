"""What R runs once in a zygote, before its kernels are forked: it loads packages and compiles what each cell needs."""

from __future__ import annotations

# Cells that a session's first ones are like.
_CELLS = (
    "1 + 1",
    "x <- c(a = 1, b = 2); x",
    "data.frame(a = 1:2, b = c('x', 'y'))",
    "print('warm'); cat('warm'); message('warm')",
    "warning('warm')",
    "stop('warm')",
    "1 +",
    "f <- function(n) n + 1; f(2)",
    "summary(lm(mpg ~ wt, mtcars))",
    "plot(1, main = 'warm')",
    "if (requireNamespace('ggplot2')) ggplot2::ggplot(mtcars, ggplot2::aes(wt, mpg)) + ggplot2::geom_point()",
)
_PACKAGES = ("IRkernel", "ggplot2", "limma", "edgeR")

WARM = f"""
local({{
    for (package in c({", ".join(map(repr, _PACKAGES))}))
        if (nzchar(system.file(package = package))) suppressPackageStartupMessages(loadNamespace(package))
    executor <- IRkernel:::Executor$new(
        send_response = function(...) invisible(), abort_queued_messages = function(...) invisible()
    )
    for (code in c({", ".join('"' + cell + '"' for cell in _CELLS)}))
        for (time in 1:3) executor$execute(list(content = list(code = code, silent = FALSE, store_history = FALSE)))
    # Were it thrown away, that would take along what the executor of a session, of the same name, has attached.
    assign("warm", executor, envir = IRkernel:::backup_env)
    detach("jupyter:irkernel")
}})
rm(list = ls(all.names = TRUE))
invisible(lapply(1:3, function(time) gc()))
"""
