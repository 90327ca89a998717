"""Shares of connections: of a client and of a site, by what a connection is at; others have the rest."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from store.rules import Key
from tests.web.conftest import MakeApp
from tests.web.visitors import store_of, submit
from web.client_shares import sites_of
from web.connections import CROWDED_S, Connection, Connections
from web.stages import SITE_SHARES, Kind


def connected(client: str | None, *sites: str) -> Connection:
    connection = Connection()
    connection.client, connection.sites = client, sites
    return connection


@pytest.mark.parametrize("kind", [Kind.WORK, Kind.WAIT, Kind.EVENTS])
def test_a_client_has_its_share_of_connections_and_others_have_the_rest(kind: Kind) -> None:
    connections = Connections(512)
    own = [connected("a") for _ in range(connections.client_bound(kind))]
    assert all(connections.move(connection, kind) for connection in own)
    assert not connections.move(connected("a"), kind) and connections.is_over_share(connected("a"), kind)
    others = connections.bound(kind) - len(own)
    assert others >= len(own) / 2 and all(connections.move(connected(None), kind) for _ in range(others))
    assert not connections.move(connected("b"), kind) and not connections.is_over_share(connected("b"), kind)
    connections.leave(own[0])
    assert connections.move(connected("a"), kind)


@pytest.mark.parametrize("kind", SITE_SHARES)
@pytest.mark.parametrize("site", sites_of("https://a.example", "course"))
def test_a_site_has_its_share_of_connections_from_all_addresses(kind: Kind, site: str) -> None:
    connections = Connections(512, 64)
    own = [connected(f"192.0.2.{number}", site) for number in range(connections.site_bound(kind))]
    assert all(connections.move(connection, kind) for connection in own)
    late = connected("198.51.100.1", "origin https://b.example", site)
    assert not connections.move(late, kind) and connections.is_over_share(late, kind)
    assert connections.move(connected("198.51.100.1", "origin https://b.example"), kind)
    own[0].sites = ()  # what it counts in now is what it is taken out of
    connections.leave(own[0])
    assert connections.move(late, kind)


def test_a_poll_counts_in_the_shares_of_the_site_that_its_computation_is_from(make_app: MakeApp) -> None:
    app = make_app()
    client, connections = app.test_client(), app.extensions["singlecell"].connections
    text = store_of(app).keys.make(Key("course", "page"))
    of_site = submit(client, "203.0.113.5", f"?key={text}", Origin="https://a.example").get_json()["id"]
    other = submit(client, "203.0.113.6", Origin="https://b.example").get_json()["id"]
    for sites in (sites_of("https://a.example", None), sites_of(None, "course")):
        with ExitStack() as held:
            for kind in (Kind.WAIT, Kind.CROWDED):
                for number in range(connections.site_bound(kind)):
                    assert held.enter_context(connections.being(connected(f"192.0.2.{number}", *sites), kind))
            headers = {"X-Forwarded-For": "203.0.113.5"}
            page = client.get(f"/computations/{of_site}/messages?wait=30", headers=headers).get_json()
            assert page["state"] == "queued"  # it was answered at once: its deadline is this test's
            assert held.enter_context(connections.waiting(connected("203.0.113.6", *sites_of("b", None)), 30.0)) == 30.0
            assert client.get(f"/computations/{other}/messages", headers=headers).status_code == 200
            stream = client.get(f"/computations/{of_site}/events?after=-1", headers=headers)
            assert stream.status_code == 200  # streams have places of their own
            stream.close()


def test_long_polls_beyond_a_client_s_share_are_short_ones() -> None:
    connections = Connections(512)
    with ExitStack() as held:
        for _ in range(connections.client_bound(Kind.WAIT)):
            assert held.enter_context(connections.waiting(connected("a"), 30.0)) == 30.0
        for _ in range(connections.client_bound(Kind.CROWDED)):
            assert held.enter_context(connections.waiting(connected("a"), 30.0)) == CROWDED_S
        assert held.enter_context(connections.waiting(connected("a"), 30.0)) == 0.0
        assert held.enter_context(connections.waiting(connected("b"), 30.0)) == 30.0


def test_of_a_client_s_bodies_its_own_oldest_gives_way() -> None:
    connections = Connections(512)
    others = connected("b")
    assert connections.move(others, Kind.BODY)
    own = [connected("a") for _ in range(connections.client_bound(Kind.BODY) + 1)]
    assert all(connections.move(connection, Kind.BODY) for connection in own)
    assert [connection.was_cut for connection in own] == [True] + [False] * (len(own) - 1)
    assert not others.was_cut
