"""Makes IPython's shell one of Sage: preparser, magics, display, names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from IPython.display import display
from matplotlib.figure import Figure
from sage import all_cmdline
from sage.features import Executable
from sage.features.ffmpeg import FFmpeg
from sage.interfaces.gap import gap
from sage.misc import latex
from sage.plot import animate
from sage.repl.ipython_extension import SageCustomizations
from sage.repl.rich_output.pretty_print import pretty_print
from sage.repl.user_globals import initialize_globals

from untrusted.kernel.cell_source import CLEANED_UP
from untrusted.kernel.figures import video_program
from untrusted.languages import fonts
from untrusted.languages.sage import compiling, figures, plain_values, returns
from untrusted.languages.sage.animations import save_gif
from untrusted.languages.sage.display import Backend
from untrusted.languages.sage.interacts import put_names


class Customisations(SageCustomizations):
    """Sage's own customisations without its startup file: the shell fills its namespace each time it is reset."""

    def init_environment(self) -> None:
        """Leave the names to ``populate``."""


def set_up(shell: Any) -> None:
    """Turn the shell into one of Sage."""
    backend = Backend()
    manager = backend.get_display_manager()
    manager.switch_backend(backend, shell=shell)
    manager.display_immediately = partial(show_at_once, manager.display_immediately)
    Customisations(shell)
    # GAP's cache of its start lies in a directory that no session sees, and has its time set at each use.
    gap.__init__(use_workspace_cache=False)
    animate.Animation.gif = save_gif
    use_ffmpeg(video_program())
    compiling.set_up()
    figures.set_up(shell)
    plain_values.set_up()
    returns.set_up()
    latex.view = view
    CLEANED_UP.append("sage:")
    fonts.add_to_matplotlib()


def use_ffmpeg(program: str | None) -> None:
    """Let animations be saved as videos by this program, which need not be on PATH as Sage's test of it wants."""
    if program:
        FFmpeg().executable = program
        FFmpeg.is_functional = Executable.is_functional


def show_at_once(show: Callable[..., None], value: Any, **options: Any) -> None:
    """Show a value, as ``show()`` does; matplotlib's figures as pictures, of which Sage would say the name alone."""
    if isinstance(value, Figure):
        display(value)
    else:
        show(value, **options)


def populate(namespace: dict[str, Any]) -> None:
    """Put Sage's names into the namespace, which becomes the one that ``var`` and others add to."""
    initialize_globals(all_cmdline, namespace)
    namespace.update(view=view, threejs=threejs)
    put_names(namespace)


def threejs(scene: Any, **options: Any) -> None:
    """Show a scene in three dimensions: SageMathCell's name for it."""
    scene.show(**{**options, "viewer": "threejs"})


def view(objects: Any, *_more: Any, **_options: Any) -> None:
    """Show formulas typeset: by the page, as there is no LaTeX here."""
    pretty_print(objects)
