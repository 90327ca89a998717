"""A request for more than there is is refused before anything runs."""

from __future__ import annotations

import math

import pytest

WRONG_FIELDS = [
    *({"code": "1", "cell_wall_s": value} for value in (0, -1, 1e308, "60")),
    *({"code": "1", name: 10**9} for name in ("timeout", "cell_cpu_s", "memory", "limits", "session_memory_bytes")),
    {"code": "1", "keep": "yes"},
    {"code": 7},
]


@pytest.mark.parametrize("body", WRONG_FIELDS, ids=str)
def test_nobody_sets_limits_over_http(client, body):
    """A12"""
    answer = client.http.post(f"{client.url}/computations", json=body, timeout=30)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("wait", [-1, 1e308, "NaN", "inf", "0x10", "", math.nan])
def test_a_wait_out_of_range_is_refused(client, wait):
    """A12"""
    answer = client.http.post(f"{client.url}/computations?wait={wait}", json={"code": "1"}, timeout=60)
    assert answer.status_code == 400, answer.text
