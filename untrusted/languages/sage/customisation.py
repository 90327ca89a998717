"""Makes IPython's shell one of Sage: preparser, magics, display, names."""

from __future__ import annotations

from typing import Any

from sage import all_cmdline
from sage.interfaces.gap import gap
from sage.misc import latex
from sage.plot import animate
from sage.repl.ipython_extension import SageCustomizations
from sage.repl.rich_output.pretty_print import pretty_print
from sage.repl.user_globals import initialize_globals

from untrusted.kernel.cell_source import CLEANED_UP
from untrusted.languages.sage.animations import save_gif
from untrusted.languages.sage.display import Backend
from untrusted.languages.sage.interact import CONTROLS


class Customisations(SageCustomizations):
    """Sage's own customisations without its startup file: the shell fills its namespace each time it is reset."""

    def init_environment(self) -> None:
        """Leave the names to ``populate``."""


def set_up(shell: Any) -> None:
    """Turn the shell into one of Sage."""
    backend = Backend()
    backend.get_display_manager().switch_backend(backend, shell=shell)
    Customisations(shell)
    # GAP's cache of its start lies in a directory that no session sees, and has its time set at each use.
    gap.__init__(use_workspace_cache=False)
    animate.Animation.gif = save_gif
    latex.view = view
    CLEANED_UP.append("sage:")


def populate(namespace: dict[str, Any]) -> None:
    """Put Sage's names into the namespace, which becomes the one that ``var`` and others add to."""
    initialize_globals(all_cmdline, namespace)
    namespace.update(CONTROLS, view=view)


def view(objects: Any, *_more: Any, **_options: Any) -> None:
    """Show formulas typeset: by the page, as there is no LaTeX here."""
    pretty_print(objects)
