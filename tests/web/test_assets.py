"""The bytes of our own files on their way to browsers."""

from __future__ import annotations

import gzip
import re

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import ROOT

STATIC = ROOT / "static"
LARGE = [path.relative_to(ROOT).as_posix() for path in STATIC.rglob("*.js") if path.stat().st_size > 50_000]


@pytest.mark.parametrize("path", LARGE)
def test_large_files_travel_compressed_to_those_who_can_read_that(client: FlaskClient, path: str) -> None:
    whole = client.get(f"/{path}")
    assert whole.data == (ROOT / path).read_bytes() and "Content-Encoding" not in whole.headers
    packed = client.get(f"/{path}", headers={"Accept-Encoding": "gzip, deflate, br"})
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.data) == whole.data
    assert packed.headers["Content-Type"] == whole.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert packed.headers["ETag"] != whole.headers["ETag"]
    assert "Accept-Encoding" in packed.headers["Vary"] and "Accept-Encoding" in whole.headers["Vary"]


def test_a_compressed_file_is_not_sent_again_to_those_who_have_it(client: FlaskClient) -> None:
    headers = {"Accept-Encoding": "gzip"}
    etag = client.get("/static/embedded_singlecell.js", headers=headers).headers["ETag"]
    again = client.get("/static/embedded_singlecell.js", headers={**headers, "If-None-Match": etag})
    assert again.status_code == 304 and not again.data


def test_files_named_by_their_content_are_kept_for_a_year_and_others_for_an_hour(client: FlaskClient) -> None:
    for path in sorted((STATIC / "singlecell").glob("*.[jh][st]*")):
        if path.suffix == ".gz":
            continue
        kept = client.get(f"/static/singlecell/{path.name}").headers["Cache-Control"]
        for_good = re.search(r"-[0-9a-f]{10}\.", path.name) is not None
        assert ("immutable" in kept, "max-age=31536000" in kept) == (for_good, for_good), path.name
    assert "max-age=3600" in client.get("/embedded_singlecell.js").headers["Cache-Control"]


def test_no_file_outside_static_is_found_by_its_compressed_name(client: FlaskClient) -> None:
    assert client.get("/static/../settings.py", headers={"Accept-Encoding": "gzip"}).status_code == 404
    assert client.get("/static/nothing.js", headers={"Accept-Encoding": "gzip"}).status_code == 404
