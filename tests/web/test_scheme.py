"""``scheme`` beside the code: what a page says of itself reaches the device, and nothing else does."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import Device, check_problem, submit


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_scheme_of_the_page_reaches_the_device(client: FlaskClient, device: Device, scheme: str) -> None:
    submit(client, scheme=scheme)
    assert device.claim().scheme == scheme
    form = {"code": "1", "scheme": scheme}
    assert client.post("/computations", data=form, content_type="multipart/form-data").status_code == 201
    assert device.claim().scheme == scheme


def test_who_says_nothing_has_no_scheme(client: FlaskClient, device: Device) -> None:
    submit(client)
    assert device.claim().scheme == ""


@pytest.mark.parametrize("scheme", ["", "Dark", "sepia", "dark\0", "🌙"])
def test_any_other_scheme_is_refused(client: FlaskClient, scheme: str) -> None:
    check_problem(client.post("/computations", json={"code": "1", "scheme": scheme}), 400, "scheme")
    form = {"code": "1", "scheme": scheme}
    check_problem(client.post("/computations", data=form, content_type="multipart/form-data"), 400, "scheme")
