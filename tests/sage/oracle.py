"""Say what Sage itself makes of a cell; Sage's own interpreter runs this, without any part of ours.

A line of JSON in, ``{code, png?}``, the PNG in base64; a line out: ``{printed, plain, latex, error}``, and of a
picture ``{axes, size, difference}``: its data's range, the size in pixels that Sage draws for a screen of two pixels to
one, and how much the given PNG differs from that, as the mean of 0 to 255 (null when the sizes differ). Every cell runs
in a fork of its own, after ``import sage.all``.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import sys
from typing import Any

import matplotlib

matplotlib.use("agg")
import PIL.Image
import PIL.ImageChops
import PIL.ImageStat
import sage.all
import sage.repl.preparse
from sage.misc.latex import latex
from sage.plot.graphics import Graphics
from sage.repl.rich_output.backend_base import BackendBase

# What loads much at its first use, done once for all forks.
WARM = (
    "integrate(x^2*sin(x), x); factor(2^31 - 1); find_root(x^2 - 2, 0, 2); SymmetricGroup(3).conjugacy_classes()\n"
    "from scipy import stats\nplot(sin, (0, 1)).matplotlib()"
)


def evaluate(code: str) -> tuple[str, Any]:
    """Return what a cell prints and the value of its last expression; None when there is none."""
    names: dict[str, Any] = {name: getattr(sage.all, name) for name in dir(sage.all) if not name.startswith("__")}
    tree = ast.parse(sage.repl.preparse.preparse(code + "\n"))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    return printed.getvalue(), value


def describe(value: Any, png: str | None) -> dict[str, Any]:
    """Return how Sage shows a value."""
    if value is None:
        return {"plain": None, "latex": None}
    if isinstance(value, Graphics):
        return picture(value, png)
    return {"plain": BackendBase().plain_text_formatter(value).text.get_str(), "latex": str(latex(value))}


def picture(value: Graphics, png: str | None) -> dict[str, Any]:
    """Return what Sage draws, compared with a picture of somebody else's."""
    name = f"/tmp/oracle-{os.getpid()}.png"
    value.save(name, dpi=2 * Graphics.SHOW_OPTIONS["dpi"])
    drawn = PIL.Image.open(name).convert("RGB")
    os.remove(name)
    axes = {side: float(place) for side, place in value.get_axes_range().items()}
    said: dict[str, Any] = {"plain": None, "latex": None, "axes": axes, "size": drawn.size, "difference": None}
    if png:
        other = PIL.Image.open(io.BytesIO(base64.b64decode(png)))
        other.load()
        white = PIL.Image.new("RGBA", other.size, "white")
        other = PIL.Image.alpha_composite(white, other.convert("RGBA")).convert("RGB")
        said["other_size"] = other.size
        said["other_deviation"] = max(PIL.ImageStat.Stat(other).stddev)
        if other.size == drawn.size:
            said["difference"] = max(PIL.ImageStat.Stat(PIL.ImageChops.difference(other, drawn)).mean)
    return said


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of one cell."""
    try:
        printed, value = evaluate(question["code"])
        return {"printed": printed, "error": None, **describe(value, question.get("png"))}
    except Exception as error:
        return {"printed": "", "error": f"{type(error).__name__}: {error}", "plain": None, "latex": None}


def main() -> None:
    """Answer line by line until standard input ends."""
    evaluate(WARM)
    for line in sys.stdin:
        reading, writing = os.pipe()
        if (pid := os.fork()) == 0:
            with os.fdopen(writing, "w") as pipe:
                json.dump(answer(json.loads(line)), pipe)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            print(pipe.read(), flush=True)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
