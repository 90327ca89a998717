"""What the untrusted accounts of all devices, taken together, say of the languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ServedLanguages:
    """``versions``: of the languages that can be run now; ``whole``: there are accounts, and every one has said.

    ``failed``: installed somewhere, and cannot be loaded there.
    """

    versions: Mapping[str, str]
    loading: frozenset[str]
    failed: frozenset[str]
    whole: bool

    @classmethod
    def of(cls, accounts: Iterable[Mapping[str, Any]]) -> ServedLanguages:
        """Return what these accounts say, in the devices' reports."""
        versions: dict[str, str] = {}
        loading, failed, said = set[str](), set[str](), list[bool]()
        for account in accounts:
            ready = {report["name"]: report.get("version", "") for report in account.get("languages", [])}
            versions |= ready
            loading.update(account.get("loading", []))
            failed.update(account.get("failed", []))
            said.append(any(account.get(state) for state in ("languages", "loading", "failed")))
        return cls(versions, frozenset(loading), frozenset(failed), bool(said) and all(said))

    def can_come(self, language: str) -> bool:
        """Return whether a cell in this language may wait: some account runs or loads it, or has not said."""
        return not self.whole or language in self.versions or language in self.loading
