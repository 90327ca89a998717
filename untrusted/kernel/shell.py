"""Makes IPython's shell one for cells: nothing on disk, no history database, no terminal."""

from __future__ import annotations

import asyncio
import sys
import traceback
import warnings
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext, suppress
from types import CodeType
from typing import Any

from IPython.core.autocall import ExitAutocall
from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.profiledir import ProfileDir
from traitlets.config import Config

from untrusted.kernel import pagers
from untrusted.kernel.cell_source import CELL, CellCompiler, leading_lines
from untrusted.kernel.debugger import show_cells_in_debuggers
from untrusted.kernel.display import CellDisplayHook, CellDisplayPublisher
from untrusted.kernel.figures import FigureShell
from untrusted.kernel.json_clean import Json
from untrusted.kernel.missing_modules import advice
from untrusted.kernel.own_tracebacks import keep_places_out
from untrusted.kernel.publisher import Publisher
from untrusted.kernel.shell_commands import add_installers, run_shell
from untrusted.kernel.tracebacks import error_content, plain_lines, trimmed, without_places

TOKENIZER = "<tokenize>"  # the file that it names


class EndOfCell(ExitAutocall):
    """What ``exit`` and ``quit`` are: they end the cell, and the session goes on."""

    def __call__(self, code: object = None) -> None:
        raise SystemExit(code)


class Shell(FigureShell):
    """IPython's shell in a worker; ``make_shell`` makes the only one."""

    publisher: Publisher
    compiler_class = CellCompiler
    last_error: dict[str, Json] | None
    interrupted: bool
    event_loop: asyncio.AbstractEventLoop | None
    packages_file = ""  # where the operator adds packages
    db: Any = None  # a dict; IPython's own keeps a directory
    populate: Callable[[dict[str, Any]], None]

    def init_profile_dir(self, profile_dir: ProfileDir | None) -> None:
        """Have a profile without a directory."""
        self.profile_dir = ProfileDir()

    def init_user_ns(self) -> None:
        """Fill the namespace: with the language's names, which are no variables of the reader's, then IPython's."""
        self.populate(self.user_ns)
        self.user_ns_hidden.update(self.user_ns)
        super().init_user_ns()

    def system(self, cmd: str) -> None:
        """Run ``!cmd``; ``_exit_code`` in the namespace says how it ended."""
        command = self.var_expand(cmd, depth=1)
        self.publisher.flush()
        self.user_ns["_exit_code"] = run_shell(command)

    system_piped = system_raw = system

    def set_next_input(self, s: str, replace: bool = False) -> None:
        """Offer a text for the cell's editor."""
        self.payload_manager.write_payload({"source": "set_next_input", "text": s, "replace": replace})

    def is_at_the_end(self, code: CodeType) -> bool:
        """Return whether this code is the last of a cell that is run by the kernel itself."""
        return self.ast_node_interactivity == "last_expr" and self.compile.is_last_expression(code)

    def ask_exit(self) -> None:
        """End the cell."""
        raise SystemExit

    def transform_cell(self, raw_cell: str) -> str:
        """Return the Python of a cell. Raises SyntaxError where lines are indented to no level: IPython finds that."""
        try:
            return super().transform_cell(raw_cell)
        except SyntaxError as error:
            failure = error.with_traceback(None)  # where in IPython is nothing to a reader
        if failure.filename == TOKENIZER:
            failure.filename = f"{CELL}{self.execution_count}]"
        raise failure

    def showtraceback(
        self,
        exc_tuple: Any = None,
        filename: str | None = None,
        tb_offset: int | None = None,
        exception_only: bool = False,
        running_compiled_code: bool = False,
    ) -> None:
        """Send the exception as an ``error`` message."""
        try:
            etype, evalue, tb = self._get_exc_info(exc_tuple)
        except ValueError:
            print("No traceback available to show.", file=sys.stderr)
            return
        if issubclass(etype, SystemExit):
            if not ended_calmly(evalue):
                self._showtraceback(etype, evalue, [f"{etype.__name__}: {evalue.code}"])
            return
        if issubclass(etype, UsageError):
            self.last_error = None
            self.show_usage_error(evalue)
            return
        left_out = 0
        try:
            left_out = trimmed(evalue)
            tb = evalue.__traceback__ or tb
            if isinstance(evalue, asyncio.CancelledError) and self.interrupted:
                etype, evalue = KeyboardInterrupt, KeyboardInterrupt()
            lines = self._lines(etype, evalue, tb, tb_offset)
        except (Exception, SystemExit):  # noqa: BLE001 - an exception may be of any class, with any methods
            lines = plain_lines(etype, evalue, tb)
        if left_out:
            lines = [*lines[:-1], f"[... {left_out} frames in the middle are left out ...]\n", *lines[-1:]]
        if isinstance(lines, list) and (sentence := advice(evalue, self.packages_file)):
            lines = [*lines, sentence]
        self._showtraceback(etype, evalue, lines)
        if self.call_pdb:  # %pdb on
            with suppress(StdinNotImplementedError):
                self.debugger(force=True)

    def showsyntaxerror(self, filename: str | None = None, running_compiled_code: bool = False) -> None:
        """Send the SyntaxError of a cell as an ``error`` message."""
        error = sys.exc_info()[1]
        if isinstance(error, SyntaxError):
            self.compile.relocate(error)
            self.compile.name_sign(error)
        super().showsyntaxerror(filename, running_compiled_code)

    def _lines(self, etype: Any, evalue: Any, tb: Any, tb_offset: int | None) -> list[str]:
        if hasattr(evalue, "_render_traceback_"):
            return evalue._render_traceback_()
        if isinstance(evalue, SyntaxError):
            # From an import or from eval: the first frame is the one in which IPython runs the cell.
            return self.SyntaxTB.structured_traceback(etype, evalue, traceback.extract_tb(tb)[1:])
        if holds_group(evalue):
            return plain_lines(etype, evalue, tb)
        self.compile.unmark(tb)
        return self.InteractiveTB.structured_traceback(etype, evalue, tb, tb_offset=tb_offset)

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        self.last_error = error_content(etype, evalue, stb)
        self.publisher.emit("error", self.last_error)

    def _format_exception_for_storage(self, exception: BaseException, *_: object, **__: object) -> dict[str, Any]:
        # IPython would format every traceback a second time here, outside of any try.
        return dict(self.last_error or {})

    def _tee(self, channel: str) -> AbstractContextManager[None]:
        # IPython 9 keeps all that a session prints in memory, and makes every print twice as dear.
        return nullcontext()

    def run_coroutine(self, coroutine: Coroutine) -> Any:
        """Run a cell that awaits; an interrupt cancels what it waits for."""
        if self.event_loop is None or self.event_loop.is_closed():
            self.event_loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.event_loop)
        task = self.event_loop.create_task(coroutine)
        while True:
            try:
                return self.event_loop.run_until_complete(task)
            except KeyboardInterrupt:
                self.interrupted = True
                task.cancel()


def make_shell(publisher: Publisher, populate: Callable[[dict[str, Any]], None]) -> Shell:
    """Return the one shell of this process. ``populate``: fills a fresh namespace."""
    config = Config()
    config.HistoryManager.enabled = False
    # Jedi reads sources for seconds and keeps a cache on disk; the live namespace knows better.
    config.IPCompleter.use_jedi = False
    CellDisplayPublisher.publisher = CellDisplayHook.publisher = Shell.publisher = publisher
    Shell.populate = staticmethod(populate)
    shell = Shell.instance(
        config=config,
        display_pub_class=CellDisplayPublisher,
        displayhook_class=CellDisplayHook,
        ipython_dir="",
    )
    shell.input_transformer_manager.cleanup_transforms[0] = leading_lines  # instead of IPython's leading_empty_lines
    shell.db = {}
    shell.last_error, shell.interrupted, shell.event_loop = None, False, None
    shell.loop_runner = shell.run_coroutine
    shell.exiter = EndOfCell(shell)
    shell.user_ns["exit"] = shell.user_ns["quit"] = shell.exiter
    add_installers(shell)
    show_cells_in_debuggers()
    keep_places_out()
    write_warning = warnings.formatwarning
    warnings.formatwarning = lambda *warning, **more: without_places(write_warning(*warning, **more))
    pagers.set_up(shell)
    warnings.filterwarnings("ignore", message="To exit: use", module="IPython")
    # The other thread is the one that pumps output, and the publisher knows of forks.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)
    return shell


def ended_calmly(exception: BaseException) -> bool:
    """Return whether it is an exit that has nothing to say: no code, or code 0."""
    return isinstance(exception, SystemExit) and (exception.code is None or exception.code == 0)


def holds_group(exception: BaseException | None) -> bool:
    """Return whether the exception, or one that led to it, is an exception group: IPython cannot show those."""
    for _ in range(100):
        if exception is None:
            return False
        if hasattr(exception, "exceptions") and hasattr(exception, "subgroup"):
            return True
        exception = exception.__cause__ or exception.__context__
    return False
