"""Defines the errors of the store, and turns those of pymongo into them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from pymongo.errors import OperationFailure, PyMongoError

from store.figures import OURS

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")
_SENTENCE_CHARS = 300  # pymongo's own sentences describe every server at length


class StoreError(Exception):
    """The base of all errors that the store raises on purpose."""


class StoreUnavailableError(StoreError):
    """MongoDB does not answer, or refuses what we asked; later it may do so."""


class SchemaError(StoreUnavailableError):
    """This version of the program cannot work with what is stored; the message tells the operator what to do."""


class QueueFullError(StoreError):
    """As many computations wait as the settings allow."""


class UnknownSessionError(StoreError):
    """There is no session with this id."""


class SessionGoneError(StoreError):
    """The session has ended, or ends after the turns that it has already."""


class OtherBodyError(StoreError):
    """The idempotency key came with another body before."""


class OtherLanguageError(StoreError):
    """The session runs another language, which ``language`` names."""

    def __init__(self, language: str) -> None:
        super().__init__(f"the session runs {language}")
        self.language = language


class NoSpaceError(StoreError):
    """There is too little room for what was to be stored; the message is a sentence for the client."""

    def __init__(self, sentence: str = "The server has no room for more just now; try again in a while.") -> None:
        super().__init__(sentence)


class ClientFullError(StoreError):
    """One client has as much here as the settings allow; the message is a sentence for that client."""


class ChecksFullError(StoreError):
    """As many checks are published as the settings allow; the message is a sentence for the author."""


class RemovedError(StoreError):
    """The operator has taken this code down; the message is a sentence for the reader."""

    def __init__(self) -> None:
        super().__init__("The operator of this server has taken this code down.")


class AdministrationError(StoreError):
    """What the operator wants cannot be done; the message is a sentence that says why."""


class OverShareError(StoreError):
    """Somebody has as much of something as their share allows; the message is a sentence for them.

    ``share``: the word for it, by which pages choose a sentence in the reader's language. ``retry_after_s``: when it
    is worth another try.
    """

    def __init__(self, share: str, sentence: str, retry_after_s: float = 2.0) -> None:
        super().__init__(sentence)
        self.share, self.retry_after_s = share, retry_after_s


class LostClaimError(StoreError):
    """The computation is not this device's any more; nothing was written for it."""


class ComputationOverError(StoreError):
    """The computation is over, or was never there."""


class NotAskingError(StoreError):
    """The code does not wait for input."""


@contextmanager
def mongo_errors() -> Iterator[None]:
    """Turn every error of pymongo into StoreUnavailableError."""
    try:
        yield
    except OperationFailure as error:
        raise StoreUnavailableError(f"MongoDB refuses: {_short(error)}") from error
    except PyMongoError as error:
        raise StoreUnavailableError(f"MongoDB does not answer: {_short(error)}") from error


def guarded(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """Make a function raise StoreUnavailableError for each error of pymongo that it does not handle itself.

    Its calls are timed (``store/figures.py``).
    """

    times = OURS.call(function.__qualname__)

    @functools.wraps(function)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        began = time.perf_counter()
        try:
            with mongo_errors():
                return function(*args, **kwargs)
        finally:
            times.observe(time.perf_counter() - began)

    return call


def _short(error: Exception) -> str:
    text = " ".join(str(error).partition(", full error:")[0].partition(", Timeout:")[0].split())
    return text if len(text) <= _SENTENCE_CHARS else text[:_SENTENCE_CHARS] + "…"
