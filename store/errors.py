"""What the store says when it cannot do what it was asked; ``available`` turns the driver's errors into ours."""

from __future__ import annotations

from contextlib import ContextDecorator
from types import TracebackType

from pymongo.errors import DuplicateKeyError, PyMongoError


class StoreError(Exception):
    """Base of all that the store raises."""


class StoreUnavailable(StoreError):
    """The database does not answer; nothing was acknowledged."""


class LostClaim(StoreError):
    """The claim is not this device's any more; nothing was written."""


class QueueFull(StoreError):
    """As many computations wait as may."""


class UnknownSession(StoreError):
    """There never was a session with this id."""


class SessionGone(StoreError):
    """The session has ended."""


class Over(StoreError):
    """The computation is over already."""


class NobodyAsks(StoreError):
    """The computation waits for no answer."""


class available(ContextDecorator):
    """Raise StoreUnavailable for what the driver raises when MongoDB does not answer as it should."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if isinstance(error, PyMongoError) and not isinstance(error, DuplicateKeyError):
            raise StoreUnavailable(f"the database does not answer: {str(error)[:200]}") from error
