"""Makes MIME bundles of Sage's values."""

from __future__ import annotations

import re
from typing import Any

from sage.repl.rich_output import output_catalog as outputs
from sage.repl.rich_output.backend_ipython import BackendIPythonNotebook

from untrusted.languages.sage import figures

# The build of three.js that Sage's pages are written for; whoever shows the page has it beside the page.
THREE_SCRIPT = '<script src="three-sage-130.min.js"></script>'
_FOREIGN_THREE = re.compile(r'<script src="https://[^"]*three[^"]*"></script>')


class Backend(BackendIPythonNotebook):
    """Sage's own display backend for notebooks, whose pages load nothing from elsewhere; formulas stay formulas."""

    def supported_output(self) -> set[type]:
        """Return all but what needs Java."""
        return super().supported_output() - {outputs.OutputSceneJmol}

    def threejs_offline_scripts(self) -> str:
        """Return the script element of our three.js."""
        return THREE_SCRIPT

    def displayhook(self, plain_text: Any, rich_output: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the MIME bundle and the metadata of a value."""
        plain = {"text/plain": plain_text.text.get_str()}
        if isinstance(rich_output, outputs.OutputImagePng):
            png = rich_output.png.get()
            return {"image/png": png, **plain}, {"image/png": figures.about(png)}
        if isinstance(rich_output, outputs.OutputHtml) and rich_output.latex:
            return {"text/latex": rich_output.latex.get_str(), **plain}, {}
        if isinstance(rich_output, outputs.OutputImageGif):
            return {"image/gif": rich_output.gif.get(), **plain}, {}
        if isinstance(rich_output, outputs.OutputImageSvg):
            return {"image/svg+xml": rich_output.svg.get_str(), **plain}, {}
        if isinstance(rich_output, outputs.OutputImagePdf):
            return {"application/pdf": rich_output.pdf.get(), **plain}, {}
        if isinstance(rich_output, outputs.OutputSceneThreejs):
            # A whole page, which the reader shows in a frame of its own.
            page = _FOREIGN_THREE.sub(THREE_SCRIPT, rich_output.html.get_str())
            return {"text/html": page, **plain}, {}
        return super().displayhook(plain_text, rich_output)
