"""Tells completion what Sage's constructors return: their authors have not written it down."""

from __future__ import annotations

from untrusted.kernel.code_names import RETURNS

OF_SAGE = {
    "matrix": ("sage.matrix.matrix2", "Matrix"),
    "vector": ("sage.modules.free_module_element", "FreeModuleElement"),
    "var": ("sage.symbolic.expression", "Expression"),
    "plot": ("sage.plot.graphics", "Graphics"),
    "EllipticCurve": ("sage.schemes.elliptic_curves.ell_generic", "EllipticCurve_generic"),
}


def set_up() -> None:
    """Let completion know them."""
    RETURNS.update(OF_SAGE)
