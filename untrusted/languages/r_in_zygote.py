"""Loads R into the process of a zygote, as a library, so that the kernels of sessions are forks of a warm one."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from ctypes import c_char_p, c_int, c_void_p
from functools import partial
from pathlib import Path

from untrusted.languages.r_warm import WARM

# The kernelspec's own arguments, and what R asks of who has no terminal.
_ARGUMENTS = (b"R", b"--no-echo", b"--no-restore", b"--no-save")
_KERNEL = "IRkernel::main()"
_HOME_S = 20.0
# What R's start script sets for the program that it starts.
_PLACES = {"R_SHARE_DIR": "share", "R_INCLUDE_DIR": "include", "R_DOC_DIR": "doc"}
_SHARE_OF_STACK = 0.95  # as R reckons itself when it starts
_BYTES_OF_C = 256  # more than a struct sigaction or a stack_t has
_libc = ctypes.CDLL(None, use_errno=True)


def load(argv: Sequence[str]) -> Callable[[str], None] | None:
    """Load and warm the R of a kernelspec's command; return what runs its kernel in a fork, given the connection file.

    None, with a line in the log, where the kernel has to be started as a program: this R is no library, or the command
    is another one than R's kernel brings.
    """
    library = _library_of(argv)
    if library is None:
        return None
    return partial(_be_kernel, EmbeddedR(library, WARM))


def _library_of(argv: Sequence[str]) -> Path | None:
    program, why = shutil.which(argv[0]), f"its command is not {_KERNEL}"
    if program and _KERNEL in argv:
        said = subprocess.run([program, "RHOME"], capture_output=True, text=True, timeout=_HOME_S, check=False).stdout
        library = Path(said.strip()) / "lib" / "libR.so"
        if library.is_file():
            return library
        why = f"there is no {library}"
    print(f"r: each kernel is started by itself, for {why}", file=sys.stderr, flush=True)
    return None


def _be_kernel(embedded: EmbeddedR, connection_file: str) -> None:
    embedded.wake()
    # The directory for temporary files was the zygote's.
    embedded.run(f"invisible(tempdir(check = TRUE)); IRkernel::main('{connection_file}')")
    _libc.fflush(None)


class EmbeddedR:
    """R in this process, which has run ``code``. It hears no signal before ``wake``: until then they are Python's."""

    def __init__(self, library: Path, code: str) -> None:
        home = library.parents[1]
        os.environ["R_HOME"] = str(home)
        for name, place in _PLACES.items():
            shared = Path("/usr/share/R") / place  # where Debian keeps what no processor needs
            os.environ[name] = str(shared if shared.is_dir() else home / place)
        # The package cli, which many others load, starts a thread to draw progress bars by.
        os.environ["CLI_NO_THREAD"] = "1"
        pythons = _Signals()
        with tempfile.TemporaryDirectory(prefix="r-") as directory:
            os.environ["TMPDIR"] = directory
            self._library = _declared(ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL))
            arguments = (c_char_p * len(_ARGUMENTS))(*_ARGUMENTS)
            self._library.Rf_initialize_R(len(_ARGUMENTS), arguments)
            self._library.setup_Rmainloop()
            self._signals = _Signals()
            pythons.put_on()
            self.run(code)
            del os.environ["TMPDIR"]

    def run(self, code: str) -> None:
        """Run R, in ASCII, at the top level. Raises RuntimeError; R has printed what was wrong."""
        r = self._library
        nothing = c_void_p.in_dll(r, "R_NilValue")
        text = r.Rf_protect(r.Rf_mkString(code.encode("ascii")))
        name = r.Rf_protect(r.Rf_mkString(b""))
        parsing = r.Rf_protect(r.Rf_lang4(r.Rf_install(b"parse"), name, nothing, text))
        call = r.Rf_protect(r.Rf_lang2(r.Rf_install(b"eval"), parsing))
        failed = c_int(0)
        r.R_tryEval(call, c_void_p.in_dll(r, "R_GlobalEnv"), ctypes.byref(failed))
        r.Rf_unprotect(4)
        if failed.value:
            raise RuntimeError("R did not come to the end of what it was told; see above for the reason")

    def wake(self) -> None:
        """Be R, in a fork that has limits of its own: signals, clock and the size of the stack."""
        self._signals.put_on()
        self._library.R_setStartTime()
        stack_bytes, _most = resource.getrlimit(resource.RLIMIT_STACK)
        if stack_bytes != resource.RLIM_INFINITY:
            ctypes.c_size_t.in_dll(self._library, "R_CStackLimit").value = int(_SHARE_OF_STACK * stack_bytes)


class _Signals:
    """What this process does with each signal, and the stack on which it does, as the C library has it now."""

    def __init__(self) -> None:
        self._stack = ctypes.create_string_buffer(_BYTES_OF_C)
        _libc.sigaltstack(None, self._stack)
        self._actions = {}
        for number in range(1, signal.SIGRTMIN):
            action = ctypes.create_string_buffer(_BYTES_OF_C)
            if _libc.sigaction(number, None, action) == 0:
                self._actions[number] = action

    def put_on(self) -> None:
        """Do the same again."""
        _libc.sigaltstack(self._stack, None)
        for number, action in self._actions.items():
            _libc.sigaction(number, action, None)


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """Return R's library with the types of the functions that are called here; objects of R are pointers."""
    for name, takes in {
        "Rf_mkString": [c_char_p], "Rf_install": [c_char_p], "Rf_protect": [c_void_p],
        "Rf_lang2": [c_void_p] * 2, "Rf_lang4": [c_void_p] * 4, "R_tryEval": [c_void_p] * 3,
    }.items():  # fmt: skip
        function = getattr(library, name)
        function.argtypes, function.restype = takes, c_void_p
    return library
