"""Names what goes wrong in a program: the reader is shown its words, and no traceback of ours."""

from __future__ import annotations

import signal


class ProgramError(Exception):
    """A program has ended otherwise than well; the message is one sentence. ``lines``: what is shown of it."""

    def __init__(self, sentence: str, lines: list[str] | None = None) -> None:
        super().__init__(sentence)
        self.lines = lines or [f"{type(self).__name__}: {sentence}"]

    def _render_traceback_(self) -> list[str]:
        return self.lines


class CompileError(ProgramError):
    """A compiler refuses the cell."""


def named(name: str, sentence: str, lines: list[str]) -> ProgramError:
    """Return an error that bears the name which the program gives to it."""
    kind = type(name if name.isidentifier() else "ProgramError", (ProgramError,), {})
    error: ProgramError = kind(sentence, lines)
    return error


def ended(exit_code: int, what: str = "the program") -> ProgramError:
    """Return the error of a program that has ended with an exit code; a negative one is a signal's number."""
    if exit_code >= 0:
        return ProgramError(f"{what} ended with exit code {exit_code}")
    why = signal.strsignal(-exit_code) or "a signal"
    return ProgramError(f"{what} was ended by {signal.Signals(-exit_code).name} ({why})")


def stopped(sentence: str) -> KeyboardInterrupt:
    """Return what is raised when the reader has stopped a program."""
    error = KeyboardInterrupt(sentence)
    error._render_traceback_ = lambda: [f"KeyboardInterrupt: {sentence}"]  # type: ignore[attr-defined]
    return error
