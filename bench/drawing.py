"""Draw the curves that come on standard input as JSON into a PNG; run by ``bench/plot.py`` where matplotlib is."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, NullLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Those of the server's own pages (static/page.css).
TEXT, QUIET, BORDER, GREEN = "#1d2430", "#5b6472", "#d9dde3", "#17624f"
BEFORE, AFTER = {"color": QUIET, "linestyle": "--"}, {"color": GREEN}
# Three hundred and sixty points of a screen wide, at twice its density.
INCHES, DOTS_PER_INCH = (3.6, 4.4), 200
STYLE = {
    "font.size": 9, "text.color": TEXT, "axes.labelcolor": TEXT, "axes.edgecolor": BORDER, "xtick.color": QUIET,
    "ytick.color": QUIET, "axes.spines.top": False, "axes.spines.right": False, "grid.color": BORDER,
    "axes.titlesize": 9, "axes.titlelocation": "left", "axes.titleweight": "bold",
}  # fmt: skip


def main() -> None:
    """Draw both panels, one below the other."""
    curves = json.load(sys.stdin)
    with mpl.rc_context(STYLE):
        figure, (upper, lower) = plt.subplots(2, sharex=True, figsize=INCHES, layout="constrained")
        for axes, what, above in ((upper, "cells_per_s", "after"), (lower, "p50", "before")):
            for name, look in (("before", BEFORE), ("after", AFTER)):
                _curve(axes, curves[name][what], look, name, is_above=name == above)
        upper.set(title="Short cells a second", ylim=(0, None))
        lower.set(title="Half end within (ms)", yscale="log", xlabel="clients at once, each a cell after another")
        lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        lower.set_xscale("log")
        lower.set_xticks([int(clients) for clients in curves["after"]["p50"]], list(curves["after"]["p50"]))
        lower.xaxis.set_minor_locator(NullLocator())
        figure.savefig(sys.argv[1], dpi=DOTS_PER_INCH, facecolor="white", metadata={"Software": None})


def _curve(axes: Axes, curve: dict[str, float], look: dict[str, str], name: str, *, is_above: bool) -> None:
    """Draw one curve with its name, and its values above or below its points."""
    clients, values = [int(number) for number in curve], list(curve.values())
    axes.plot(clients, values, marker="o", markersize=4, linewidth=1.8, **look)
    beside = {"textcoords": "offset points", "color": look["color"]}
    for number, value in zip(clients, values, strict=True):
        offset = (0, 6 if is_above else -13)
        axes.annotate(f"{value:,.0f}", (number, value), xytext=offset, ha="center", fontsize=8, **beside)
    axes.annotate(name, (clients[-1], values[-1]), xytext=(9, 0), va="center", weight="bold", **beside)
    axes.grid(axis="y", linewidth=0.6)
    axes.margins(y=0.25)


if __name__ == "__main__":
    main()
