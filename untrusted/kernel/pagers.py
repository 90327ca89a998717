"""Shows files in the pager for ``%less`` and ``%more``, as Jupyter's kernel does, without such programs of the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from IPython.core import page, payloadpage
from IPython.core.error import UsageError


def set_up(shell: Any) -> None:
    """Have what is to be read in a pager shown by the page."""
    shell.set_hook("show_in_pager", page.as_hook(payloadpage.page), 99)
    for name in ("less", "more"):
        shell.register_magic_function(show_file, "line", name)


def show_file(line: str) -> None:
    """Show a file of the cell. Raises UsageError when there is none of that name."""
    name = line.strip()
    if not name:
        raise UsageError("Name a file to show, as in: %less notes.txt")
    try:
        text = Path(name).expanduser().read_text(errors="replace")
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error
    page.page(text)
