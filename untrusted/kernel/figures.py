"""Shows matplotlib's figures below the cell, sharp and in the page's colours, and finds what makes videos."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import print_figure, retina_figure

from untrusted.kernel import figure_text
from untrusted.kernel.figure_colours import suited

IN_CONTROLS = frozenset(("widget", "ipympl"))  # what the package ipympl draws, where it is installed
# What lessons ask for elsewhere: figures with controls in a page, and in windows.
WITH_CONTROLS = frozenset(("notebook", "nbagg", "webagg", *IN_CONTROLS))
IN_WINDOWS = frozenset((
    "tk", "tkagg", "qt", "qt4", "qt5", "qt6", "qtagg", "qt5agg", "gtk", "gtk3", "gtk4", "gtk3agg", "gtk4agg", "wx",
    "wxagg", "osx", "macosx",
))  # fmt: skip
AS_PICTURES = "Figures appear as plain pictures below the cell here, without {what}: %matplotlib inline."
# Of a whole animation in one output, in units of 2^20 bytes of base64: with its page it has room in one message.
ANIMATION_MAX = 5.5
# A picture of twice the pixels in each direction takes 1.5 times the time and 2.2 times the bytes; beyond these it
# would take too much memory, or have no room in an output that one of half the size has.
SHARP_PIXELS_MAX = 8_000_000
SHARP_BASE64_MAX = 2 << 20


class FigureShell(InteractiveShell):
    """IPython's shell, as far as it has to do with figures. ``scheme``: "light" or "dark" as the page is, or ""."""

    scheme = ""

    def show_figures_sharp(self) -> None:
        """Draw figures for screens of twice the pixels, and in the colours of the page; call it once, in the zygote."""
        from matplotlib.figure import Figure

        formatter = self.display_formatter
        formatter.formatters["image/png"].for_type(Figure, sharp_png)
        plain = formatter.format

        def format(obj: object, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
            if not isinstance(obj, Figure):
                return plain(obj, include, exclude)
            with suited(obj, self.scheme) as about:
                data, metadata = plain(obj, include, exclude)
            return data, described(obj, data, metadata, about)

        formatter.format = format

    def enable_gui(self, gui: str | None = None) -> None:
        """Accept that there is no window system. Raises UsageError when one is asked for."""
        if gui not in (None, "inline", "agg"):
            raise UsageError(f"There is no window system here, so no {gui!r}; figures appear below the cell.")

    def enable_matplotlib(self, gui: str | None = None) -> Any:
        """Show figures below the cell, and say so in a sentence where windows or controls are asked for."""
        asked = str(gui).lower()
        if asked in IN_CONTROLS and importlib.util.find_spec("ipympl"):
            return super().enable_matplotlib(gui)
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


def sharp_png(figure: Any) -> tuple[str, dict[str, int]] | str | None:
    """Return a figure as a PNG in base64, of twice the pixels where that is not too much, with its size on the page."""
    if is_small_enough(figure, 2 * figure.dpi):
        made = retina_figure(figure, base64=True)
        if made is None or len(made[0]) <= SHARP_BASE64_MAX:
            return made
    return print_figure(figure, base64=True)


def is_small_enough(figure: Any, dpi: float) -> bool:
    """Return whether a picture of so many dots per inch is not too large to be drawn as a sharp one."""
    width, height = figure.get_size_inches() * dpi
    return bool(width * height <= SHARP_PIXELS_MAX)


def described(
    figure: Any, data: Mapping[str, Any], metadata: Mapping[str, Any], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the metadata of a figure's pictures with what pages need to show them and to say what they are."""
    more = {**about}
    if text := figure_text.alt(figure):
        more["alt"] = text
    pictures = [kind for kind in data if kind.startswith("image/")] if more else []
    return {**metadata, **{kind: {**metadata.get(kind, {}), **more} for kind in pictures}}


def prepare_animations() -> None:
    """Let matplotlib's animations become videos, and be cut where they would not fit into one output."""
    import matplotlib as mpl

    mpl.rcParams["animation.embed_limit"] = ANIMATION_MAX
    program = video_program()
    if program:
        mpl.rcParams["animation.ffmpeg_path"] = program


def forget_fonts() -> None:
    """Close matplotlib's fonts: each fork would do it, which takes longer than all else that Python does there."""
    manager = sys.modules.get("matplotlib.font_manager")
    if manager is not None:
        manager._get_font.cache_clear()


def video_program() -> str | None:
    """Return the path of ffmpeg: the system's, else the one in the package ``imageio-ffmpeg``, else None."""
    if system := shutil.which("ffmpeg"):
        return system
    package = importlib.util.find_spec("imageio_ffmpeg")
    if package is None or not package.origin:
        return None
    programs = sorted(Path(package.origin).parent.glob("binaries/ffmpeg-*"))
    return str(programs[-1]) if programs else None
