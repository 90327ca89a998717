"""Runs cells in IPython's shell, over two callables. It is built and warmed before the fork, and started after it."""

from __future__ import annotations

import gc
import importlib
import linecache
import os
import sys
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from untrusted.kernel import examiner as examiner  # loaded before the fork: a check's session finds it by its name
from untrusted.kernel import introspection, probes
from untrusted.kernel.absences import do_without_latex
from untrusted.kernel.cell_source import CELL
from untrusted.kernel.comms import Comms
from untrusted.kernel.fd_capture import unbuffer_c_stdout
from untrusted.kernel.figures import forget_fonts, prepare_animations
from untrusted.kernel.interrupts import Interrupts, Shield
from untrusted.kernel.json_clean import Json, clean_payloads, clean_values, valid_text
from untrusted.kernel.lingering import GRACE_KEPT_S, GRACE_S, RESERVE_S, cut_off, wait_for_threads
from untrusted.kernel.publisher import Emit, Publisher
from untrusted.kernel.shell import ended_calmly, make_shell
from untrusted.kernel.shell_commands import os_system
from untrusted.kernel.stdin import Ask, InputFunctions
from untrusted.kernel.streams import Stream
from untrusted.kernel.tracebacks import error_content, plain_lines
from untrusted.languages import Language

IDLE: tuple[str, dict[str, Json]] = ("status", {"execution_state": "idle"})


class Kernel:
    """The kernel of a process; there is one in each, as IPython's shell is a singleton."""

    def __init__(self, language: Language, cell_wall_s: float = 60.0) -> None:
        self._language, self._transform, self._cell_wall_s = language, language.transform, cell_wall_s
        self._interrupts = Interrupts(language.take_sigint)
        self._publisher = Publisher(self._interrupts)
        self._input = InputFunctions(self._publisher)
        for module in language.preload:
            importlib.import_module(module)
        unbuffer_c_stdout()
        self._shell = make_shell(self._publisher, language.populate)
        self._shell.packages_file = language.packages_file
        self.comms = Comms(self._publisher)
        self._streams = Stream("stdout", self._publisher), Stream("stderr", self._publisher)
        language.set_up(self._shell)
        if "matplotlib" in sys.modules:
            # A language may have a formatter of its own, which learns here what a figure is.
            self._shell.enable_matplotlib("inline")
            self._shell.show_figures_sharp()
            prepare_animations()
            do_without_latex()

    def warm(self) -> None:
        """Run the language's warm-up cells, forget them, and settle the memory that children will share."""
        before = sys.stdout, sys.stderr, sys.path[:]
        sys.stdout, sys.stderr = self._streams
        self._shell.scheme = "dark"  # which takes more than light
        try:
            for cell in self._language.warm_cells:
                self._run(cell)
            self.complete("str.", 4)
            self.inspect("len", 3, 0)
        finally:
            sys.stdout, sys.stderr, sys.path[:] = before
        self._forget()
        forget_fonts()
        gc.collect()
        gc.freeze()

    def start(self, emit: Emit, ask: Ask) -> None:
        """Take over standard output, standard error, ``input`` and SIGINT; call it once, in the forked child."""
        self._language.start()
        sys.argv = [""]
        if "" not in sys.path:
            sys.path.insert(0, "")
        self._publisher.start(emit)
        self._input.start(ask)
        sys.stdout, sys.stderr = self._streams
        sys.__stdout__, sys.__stderr__ = self._streams  # type: ignore[misc, assignment]
        os.system = os_system  # type: ignore[assignment]
        self._interrupts.start()

    def shielded(self) -> Shield:
        """Return a context in which no interrupt is raised; one that came is raised at its end."""
        return self._interrupts.shielded()

    def speak(self, dialect: str) -> None:
        """Take cells for cells in a dialect of the language from now on."""
        self._transform = self._language.dialects[dialect]

    def execute(
        self, code: str, stdin: bool, expressions: Mapping[str, str] | None = None, last: bool = False, scheme: str = ""
    ) -> None:
        """Run a cell and send all of its messages, from ``status busy`` to ``status idle``.

        ``expressions``: what to evaluate for the reply when the code has come to its end, by name.
        ``last``: whether the session ends with this cell. ``scheme``: "light" or "dark", as the page that shows its
        figures is, "" where nobody says.
        """
        self._interrupts.install()
        self._publisher.start_pump()
        began, earlier = time.monotonic(), threading.enumerate()
        self._input.allowed, self._input.asked_s = stdin, 0.0
        self._shell.scheme = scheme
        count = self._shell.execution_count
        self._publisher.emit("status", {"execution_state": "busy"}, more=True)
        self._publisher.emit("execute_input", {"code": valid_text(code), "execution_count": count})
        self._shell.compile.cell_name = f"{CELL}{count}]"
        error = self._run(code)
        if expressions or threading.active_count() > 1:
            self._publisher.flush()  # before what may take a while
        values = self._evaluate(expressions) if expressions and error is None else {}
        left_s = began + self._input.asked_s + self._cell_wall_s - RESERVE_S - time.monotonic()
        self._wait_for_threads(min(left_s, GRACE_S if last else GRACE_KEPT_S), earlier, last)
        self._publisher.finish(("execute_reply", self._reply(count, error, values)), IDLE)

    def deliver(self, msg_type: str, content: dict, metadata: dict, buffers: list[bytes]) -> None:
        """Hand a comm message of the page to the code that listens to it; send what that brings about."""
        self._interrupts.install()
        self._publisher.start_pump()
        self._input.allowed = False
        self._publisher.emit("status", {"execution_state": "busy"})
        try:
            self._interrupts.allow()
            self.comms.deliver(msg_type, content, metadata, buffers)
        except (Exception, KeyboardInterrupt):  # noqa: BLE001 - the code that listens is the reader's
            self._interrupts.forbid()
            self._shell.showtraceback()
        finally:
            self._interrupts.forbid()
        self._leave_if_forked(0)
        self._publisher.finish(IDLE)

    def complete(self, code: str, cursor_pos: int) -> dict[str, Json]:
        """Return the content of a ``complete_reply``. ``cursor_pos`` counts code points. Raises KeyboardInterrupt."""
        with self._interrupts.allowed():
            return introspection.complete(self._shell, code, cursor_pos)

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> dict[str, Json]:
        """Return the content of an ``inspect_reply``. ``cursor_pos`` counts code points. Raises KeyboardInterrupt."""
        with self._interrupts.allowed():
            return introspection.inspect(self._shell, code, cursor_pos, detail_level)

    def probe(self, expressions: Sequence[str]) -> list[probes.Found]:
        """Return what a check finds in this namespace, for each expression. Raises KeyboardInterrupt."""
        with self._interrupts.allowed():
            return probes.probe(self._shell, self._language.transform, expressions)

    def _run(self, code: str) -> dict[str, Json] | None:
        """Run the code; return the error's content when it failed."""
        shell = self._shell
        shell.last_error, shell.interrupted = None, False
        failure: BaseException | None = None
        try:
            self._interrupts.allow()
            result = shell.run_cell(self._transform(code), store_history=True)
            self._interrupts.forbid()
            failure = result.error_in_exec if result.error_before_exec is None else result.error_before_exec
        except BaseException as error:  # noqa: BLE001 - nothing that a cell does may end the worker
            # An interrupt between two steps of IPython itself, or IPython failing over what the code did to it.
            self._interrupts.forbid()
            failure = error
            if not ended_calmly(error):
                shell.last_error = error_content(type(error), error, plain_lines(type(error), error, None))
                self._publisher.emit("error", shell.last_error)
        self._leave_if_forked(failure.code if isinstance(failure, SystemExit) else int(failure is not None))
        if failure is None or ended_calmly(failure):
            return None
        return shell.last_error or error_content(type(failure), failure, [])

    def _evaluate(self, expressions: Mapping[str, str]) -> dict[str, Json]:
        values: dict[str, dict[str, Any]] = {}
        for name, expression in expressions.items():
            try:
                self._interrupts.allow()
                values |= self._shell.user_expressions({name: expression})
                self._interrupts.forbid()
            except BaseException as error:  # noqa: BLE001 - nothing that a cell does may end the worker
                self._interrupts.forbid()
                values[name] = {"status": "error", **error_content(type(error), error, [])}
            self._leave_if_forked(0)
            if values[name].get("ename") == "KeyboardInterrupt":
                break
        return clean_values(values)

    def _wait_for_threads(self, grace_s: float, earlier: Collection[threading.Thread], last: bool) -> None:
        running = 0
        try:
            self._interrupts.allow()
            # Who pressed Stop waits for nothing more.
            running = wait_for_threads(0.0 if self._interrupts.came else grace_s, earlier, last)
            self._interrupts.forbid()
        except KeyboardInterrupt:
            self._interrupts.forbid()
            running = wait_for_threads(0.0, earlier, last)
        if running and last:
            self._publisher.emit("stream", {"name": "stderr", "text": cut_off(running)})

    def _reply(self, count: int, error: dict[str, Json] | None, values: dict[str, Json]) -> dict[str, Json]:
        payload: Json = clean_payloads(self._shell.payload_manager.read_payload())
        self._shell.payload_manager.clear_payload()
        reply: dict[str, Json] = {"execution_count": count, "user_expressions": values, "payload": payload}
        return {"status": "ok", **reply} if error is None else {"status": "error", **reply, **error}

    def _leave_if_forked(self, code: object) -> None:
        # The reader's code called os.fork and came back from the cell in the child as well.
        if self._publisher.forked:
            self._publisher.flush()
            os._exit(code if isinstance(code, int) else int(code is not None))

    def _forget(self) -> None:
        shell = self._shell
        # A reset keeps the inputs; a new history has none.
        shell.configurables.remove(shell.history_manager)
        shell.init_history()
        shell.reset(new_session=False)
        shell.displayhook.flush()  # puts _, __ and ___ back
        shell.execution_count = 1
        shell.last_error = None
        shell.payload_manager.clear_payload()
        linecache.clearcache()
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                delattr(sys, name)
