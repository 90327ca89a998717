"""Bans: of addresses and networks, of today's clients, of origins and keys; until they end or are lifted."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from store import AdministrationError, Ban, Requester, Store
from store.rules import Bans

NAME = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("kind", "subject", "address", "requester", "is_banned"),
    [
        ("client", "203.0.113.7", "203.0.113.7", Requester("c"), True),
        ("client", "203.0.113.7", "203.0.113.8", Requester("c"), False),
        ("client", "203.0.113.0/24", "203.0.113.255", Requester("c"), True),
        ("client", "203.0.113.0/24", "203.0.114.0", Requester("c"), False),
        ("client", "2001:db8:1:2::7", "2001:db8:1:2::/64", Requester("c"), True),
        ("client", "2001:db8::/32", "2001:db8:1:2::/64", Requester("c"), True),
        ("client", "2001:db8::/32", "2001:db9::/64", Requester("c"), False),
        ("client", "0.0.0.0/0", "2001:db9::/64", Requester("c"), False),
        ("client", NAME, "unknown", Requester(NAME), True),
        ("client", NAME, "unknown", Requester("c"), False),
        ("origin", "https://a.example", "203.0.113.7", Requester("c", "https://a.example"), True),
        ("origin", "https://a.example", "203.0.113.7", Requester("c", "https://b.example"), False),
        ("origin", "https://a.example", "203.0.113.7", Requester("c"), False),
        ("key", "course", "203.0.113.7", Requester("c", None, "course"), True),
        ("key", "course", "203.0.113.7", Requester("c", None, None), False),
    ],
)
def test_a_ban_meets_whom_it_names_and_nobody_else(store: Store, kind, subject, address, requester, is_banned) -> None:
    store.bans.add(kind, subject, "mining")
    assert (store.access.rules().bans.find(requester, address) is not None) == is_banned


def test_a_lifted_ban_and_one_whose_time_is_over_meet_nobody(store: Store) -> None:
    store.bans.add("client", "203.0.113.0/24")
    store.bans.lift("client", "203.0.113.77/24")  # the same network
    assert store.bans.list() == [] and store.access.rules().bans.find(Requester("c"), "203.0.113.1") is None
    now = datetime.now(timezone.utc)
    for since_s, is_banned in ((-1, True), (1, False)):
        bans = Bans([Ban("key", "course", "", now, now - timedelta(seconds=since_s))])
        assert (bans.find(Requester("c", None, "course"), "unknown") is not None) == is_banned


@pytest.mark.parametrize(
    ("kind", "subject", "hours"),
    [
        ("client", "nobody", None),
        ("client", "300.1.1.1", None),
        ("origin", "a.example", None),
        ("key", "No Key", None),
        ("page", "x", None),
        ("client", "203.0.113.7", 0.0),
        ("client", "203.0.113.7", float("inf")),
    ],
)
def test_what_is_no_ban_is_refused_and_nothing_is_stored(store: Store, kind, subject, hours) -> None:
    with pytest.raises(AdministrationError):
        store.bans.add(kind, subject, "", hours)
    assert store.bans.list() == []
    with pytest.raises(AdministrationError):
        store.bans.lift(kind, subject)
