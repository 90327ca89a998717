"""A whole server that runs nothing without a key: it starts, refuses everybody, and serves who has one."""

from __future__ import annotations

import pytest

from harness.server import serve
from singlecell_client import Client, Refused
from tests.orders import order


def test_a_server_that_requires_keys_is_ready_and_runs_code_for_those_who_have_one():
    with serve("keys_required = True\n", LANGUAGES="python") as server:
        with pytest.raises(Refused, match="only for those who have a key"):
            Client(server.url).run("1+1")
        key = order(server, "keys", "make", "programs", "--kind", "api").split()[0]
        assert Client(server.url, key=key).run("6 * 7").text == "42\n"
        assert "programs" in order(server, "report", "--by", "key")
