"""Knows which sockets of kernels are open in this process: of one client of a kernel it is one."""

from __future__ import annotations

from typing import Generic, TypeVar

Channel = TypeVar("Channel")  # that of kernels_channel, which imports what holds this


class OpenSockets(Generic[Channel]):
    """The channels of the open sockets of one process, by kernel and by the name that each client gives itself."""

    def __init__(self) -> None:
        self._of_kernel: dict[str, dict[str, Channel]] = {}
        self._total = 0

    def enter(self, kernel_id: str, reader: str, channel: Channel) -> Channel | None:
        """Note a channel; return an older one of the same client, whose place it takes."""
        own = self._of_kernel.setdefault(kernel_id, {})
        older = own.get(reader)
        own[reader] = channel
        self._total += older is None
        return older

    def leave(self, kernel_id: str, reader: str, channel: Channel) -> None:
        """Forget a channel."""
        own = self._of_kernel.get(kernel_id, {})
        if own.get(reader) is channel:
            del own[reader]
            self._total -= 1
        if not own:
            self._of_kernel.pop(kernel_id, None)

    def find(self, kernel_id: str, reader: str) -> Channel | None:
        """Return the channel of a client, None when it has none here."""
        return self._of_kernel.get(kernel_id, {}).get(reader)

    def count(self, kernel_id: str) -> int:
        """Return how many sockets of a kernel are open here."""
        return len(self._of_kernel.get(kernel_id, {}))

    @property
    def total(self) -> int:
        """How many sockets are open here."""
        return self._total
