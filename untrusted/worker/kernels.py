"""Makes the kernel of a language: IPython's shell in the worker itself, or a program beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from untrusted.languages import Language
from untrusted.worker.packages import installed

if TYPE_CHECKING:
    from untrusted.kernel.foreign.kernel import ForeignKernel
    from untrusted.kernel.kernel import Kernel

    AnyKernel = Kernel | ForeignKernel


def make_kernel(language: Language, cell_wall_s: float, forks: bool = True) -> AnyKernel:
    """Return the kernel, not warm yet. A process imports only what its own kernel needs.

    ``forks``: whether this process forks workers, so that a foreign kernel is worth loading in it.
    """
    if language.kernelspec:
        from untrusted.kernel.foreign.kernel import ForeignKernel

        return ForeignKernel(language, forks)
    from untrusted.kernel.kernel import Kernel

    return Kernel(language, cell_wall_s)


def describe(language: Language, kernel: AnyKernel) -> tuple[str, dict[str, str]]:
    """Return the version of the language, and the packages that its cells can import, of a warm kernel."""
    if language.kernelspec:
        return getattr(kernel, "version", ""), {}  # the packages of this Python are none of its
    return language.version(), installed()
