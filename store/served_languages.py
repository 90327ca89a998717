"""Sums up what the untrusted accounts of all devices say of the languages that they can run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ServedLanguages:
    """The languages that the accounts run, load, or could not load.

    ``versions``: of the languages that some account can run now, by name. ``packages``: by language, the versions of
    those that all of these accounts have, by name. ``failed``: languages that are installed in
    some account and cannot be loaded there. ``all_said``: there are accounts, and every one has said what it can run.
    """

    versions: Mapping[str, str]
    packages: Mapping[str, Mapping[str, str]]
    loading: frozenset[str]
    failed: frozenset[str]
    all_said: bool

    @classmethod
    def of(cls, accounts: Iterable[Mapping[str, Any]]) -> ServedLanguages:
        """Return the sum of what these accounts say in the devices' reports."""
        versions: dict[str, str] = {}
        packages: dict[str, dict[str, str]] = {}
        loading, failed, said = set[str](), set[str](), list[bool]()
        for account in accounts:
            for report in account.get("languages", []):
                name, own = report["name"], report.get("packages", {})
                versions[name] = report.get("version", "")
                packages[name] = {key: own[key] for key in packages.get(name, own) if key in own}
            loading.update(account.get("loading", []))
            failed.update(account.get("failed", []))
            said.append(any(account.get(state) for state in ("languages", "loading", "failed")))
        return cls(versions, packages, frozenset(loading), frozenset(failed), bool(said) and all(said))

    def may_wait(self, language: str) -> bool:
        """Return whether a computation in this language may wait: some account runs or loads it, or has not said."""
        return not self.all_said or language in self.versions or language in self.loading
