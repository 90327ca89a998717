"""Name what keeps ``make run`` from running: a sentence for the operator and an exit code for programs."""

from __future__ import annotations

EXIT_SETTINGS = 2
EXIT_MISSING = 3  # deploy/bootstrap.sh uses it too
EXIT_PORT = 4
EXIT_DATA = 5
EXIT_DATA_IN_USE = 6
EXIT_SERVICE_DIED = 7


class HostError(Exception):
    """``make run`` cannot go on; the message is a sentence, or a line for each of several, that says what to do."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class ObstacleError(HostError):
    """Something is in the way that may go while the server runs: a server that has worked waits for that."""


class SourceError(Exception):
    """A library cannot be had from where it should come; the message is one sentence."""
