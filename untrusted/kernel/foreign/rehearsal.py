"""Starts a kernel once in a child of the zygote, so that it is known if it works, and what version it is."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from untrusted.kernel.foreign.program import KernelProgram, StartError
from untrusted.languages import Language, RunKernel
from untrusted.languages.kernelspecs import KernelspecError, find
from untrusted.sandbox import die_with_parent

END_S = 5.0
VERSION_BYTES_MAX = 1000


def rehearse(language: Language, run: RunKernel | None) -> str:
    """Return the version of the language as its kernel says it. Raises StartError.

    ``run``: runs the kernel in a fork of this process, which has loaded it.

    In a child, because the kernel's channels are threads, and a zygote with threads cannot fork.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        try:
            die_with_parent(signal.SIGKILL)
            os.write(write_end, _start_once(language, run).encode()[:VERSION_BYTES_MAX])
            os._exit(0)
        except (StartError, KernelspecError, OSError) as error:
            print(f"{language.name}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(1)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as answer:
        version = answer.read()
    if os.waitpid(child, 0)[1] != 0:
        raise StartError(f"the kernel of {language.name} does not start; see above for the reason")
    return version.decode("utf-8", "replace")


def _start_once(language: Language, run: RunKernel | None) -> str:
    with tempfile.TemporaryDirectory(prefix="kernel-", dir="/tmp") as directory:
        # What the kernel leaves among temporary files goes with it.
        os.environ["TMPDIR"] = directory
        program = KernelProgram(find(language.kernelspec, sys.executable), Path(directory), run)
        try:
            version = _version(program.wait_until_ready())
            for cell in language.warm_cells:
                program.run_unheard(cell)
        finally:
            program.process.end()
        return version


def _version(info: dict[str, Any]) -> str:
    told = info.get("language_info")
    version = told.get("version") if isinstance(told, dict) else None
    return str(version or info.get("implementation_version") or "")[:60]
