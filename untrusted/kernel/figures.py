"""Shows matplotlib's figures below the cell, whatever the code asks for, and finds the program that makes videos."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

# What lessons ask for elsewhere: figures with controls in a page, and in windows.
WITH_CONTROLS = frozenset(("notebook", "nbagg", "widget", "ipympl", "webagg"))
IN_WINDOWS = frozenset((
    "tk", "tkagg", "qt", "qt4", "qt5", "qt6", "qtagg", "qt5agg", "gtk", "gtk3", "gtk4", "gtk3agg", "gtk4agg", "wx",
    "wxagg", "osx", "macosx",
))  # fmt: skip
AS_PICTURES = "Figures appear as plain pictures below the cell here, without {what}: %matplotlib inline."
# Of a whole animation in one output, in units of 2^20 bytes of base64: with its page it has room in one message.
ANIMATION_MAX = 5.5


class FigureShell(InteractiveShell):
    """IPython's shell, as far as it has to do with figures."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Accept that there is no window system. Raises UsageError when one is asked for."""
        if gui not in (None, "inline", "agg"):
            raise UsageError(f"There is no window system here, so no {gui!r}; figures appear below the cell.")

    def enable_matplotlib(self, gui: str | None = None) -> Any:
        """Show figures below the cell, and say so in a sentence where windows or controls are asked for."""
        asked = str(gui).lower()
        if asked in WITH_CONTROLS | IN_WINDOWS:
            print(AS_PICTURES.format(what="controls" if asked in WITH_CONTROLS else "windows"), file=sys.stderr)
            gui = "inline"
        chosen = super().enable_matplotlib(gui)
        self.magics_manager.registry["ExecutionMagics"].default_runner = self.run_script
        return chosen

    def run_script(self, path: str, *namespaces: Any, **options: Any) -> None:
        """Run a file for ``%run``, and show the figures that it has left. IPython's own way may make an empty one."""
        import matplotlib as mpl
        from matplotlib import pyplot

        with mpl.rc_context({"interactive": False}):
            self.safe_execfile(path, *namespaces, **options)
        pyplot.show()


def prepare_animations() -> None:
    """Let matplotlib's animations become videos, and be cut where they would not fit into one output."""
    import matplotlib as mpl

    mpl.rcParams["animation.embed_limit"] = ANIMATION_MAX
    program = video_program()
    if program:
        mpl.rcParams["animation.ffmpeg_path"] = program


def video_program() -> str | None:
    """Return the path of ffmpeg: the system's, else the one in the package ``imageio-ffmpeg``, else None."""
    if system := shutil.which("ffmpeg"):
        return system
    package = importlib.util.find_spec("imageio_ffmpeg")
    if package is None or not package.origin:
        return None
    programs = sorted(Path(package.origin).parent.glob("binaries/ffmpeg-*"))
    return str(programs[-1]) if programs else None
