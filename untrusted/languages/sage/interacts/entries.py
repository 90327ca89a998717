"""What a grid of boxes or a row of sliders holds, each to be read and set by its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload


class Entries(Sequence[Any]):
    """The values of a control that has several; to set one sets it in the control."""

    def __init__(self, values: Sequence[Any], put: Callable[[list[Any]], None]) -> None:
        self._values, self._put = list(values), put

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Any]: ...
    def __getitem__(self, at: Any) -> Any:
        value = self._values[at]
        if isinstance(value, list) and not isinstance(at, slice):
            return Entries(value, lambda row: self.__setitem__(at, row))
        return value

    def __setitem__(self, at: Any, value: Any) -> None:
        if isinstance(at, slice):
            raise TypeError("one value is set at a time")
        self._values[at] = value
        self._put(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return (self[at] for at in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return self._values == (other._values if isinstance(other, Entries) else other)

    def __repr__(self) -> str:
        return repr(self._values)

    __hash__ = None  # type: ignore[assignment]
