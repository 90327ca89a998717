"""Says in words what a figure shows: what its author wrote on it."""

from __future__ import annotations

import re
from typing import Any

CHARS_MAX = 300
AXES_MAX = 6  # of a figure with many plots
_MATHEMATICS = re.compile(r"\$([^$]*)\$")
_COMMAND = re.compile(r"\\(?:mathrm|mathbf|mathit|text|left|right|frac|displaystyle)\b|[{}]")


def alt(figure: Any) -> str:
    """Return titles, labels and the names of lines, "" where the author wrote none."""
    parts = [_text(getattr(figure, "_suptitle", None))]
    for axes in figure.axes[:AXES_MAX]:
        parts += [_text(getattr(axes, name, None)) for name in ("title", "_left_title", "_right_title")]
        for name in "xyz":
            if label := _text(getattr(getattr(axes, f"{name}axis", None), "label", None)):
                parts.append(f"{name}: {label}")
        legend = axes.get_legend()
        parts.append(", ".join(filter(None, map(_text, legend.get_texts()))) if legend else "")
    text = "; ".join(filter(None, parts))
    return text if len(text) <= CHARS_MAX else text[:CHARS_MAX] + " …"


def _text(label: Any) -> str:
    written = label.get_text() if label is not None else ""
    spoken = _MATHEMATICS.sub(lambda formula: _COMMAND.sub("", formula[1]), written)
    return " ".join(spoken.split())
