"""Describes R: its kernel for Jupyter, what is set before the first cell, and what of the host its sessions see."""

from __future__ import annotations

from collections.abc import Sequence

from untrusted.languages import Language, RunKernel, r_probes
from untrusted.languages.r_plots import IN_THEIR_PLACE

# What R's console says is what readers know: only tables, help pages and widgets are HTML. Nobody reads LaTeX of them.
_AS_IN_THE_CONSOLE = """
options(jupyter.display_mimetypes = setdiff(getOption("jupyter.display_mimetypes"), c("text/markdown", "text/latex")))
for (type in c("character", "complex", "Date", "factor", "function", "integer", "list", "logical", "numeric", "ts"))
    registerS3method("repr_html", type, function(obj, ...) NULL, envir = asNamespace("repr"))
rm(type)
invisible(tools::Rd2txt_options(underline_titles = FALSE))
"""
# In inches and pixels an inch: 640 by 480 on the page, as Python's. R's kernel has pages show half of the pixels.
_PLOTS = 'options(repr.plot.width = 6.4, repr.plot.height = 4.8, repr.plot.res = 200, bitmapType = "cairo")'
_NO_NETWORK = 'options(repos = NULL, menu.graphics = FALSE, browser = "", device.ask.default = FALSE)'



def load_kernel(argv: Sequence[str]) -> RunKernel | None:
    """Load R into a zygote; return what runs its kernel in a fork."""
    from untrusted.languages.r_in_zygote import load

    return load(argv)


LANGUAGE = Language(
    name="r",
    kernelspec="ir",
    # The account's own directory of packages, which strangers' code may have written, is none of R's.
    environment={"R_LIBS_USER": ""},
    # One is enough: what cells use has been compiled and loaded before the fork (untrusted/languages/r_warm.py).
    warm_cells=("\n".join((IN_THEIR_PLACE, _AS_IN_THE_CONSOLE, _PLOTS, _NO_NETWORK)),),
    # Without it the first plot of each session would look for all fonts.
    trees=("/var/cache/fontconfig",),
    load_kernel=load_kernel,
    probe=r_probes.cell,
)
