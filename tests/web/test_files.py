"""Files that computations made: listed, sent, in ranges, never dangerous."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import Device, check_problem, submit


def make(client: FlaskClient, device: Device, *files: tuple[str, bytes]) -> str:
    """Run a computation that makes these files; return its id."""
    id: str = submit(client)["id"]
    claim = device.claim()
    for name, content in files:
        with device.store.files.write(claim, name) as writer:
            writer.write(content)
    device.finish(claim)
    return id


def test_files_are_listed_with_size_type_and_address(client: FlaskClient, device: Device) -> None:
    id = make(client, device, ("plots/a b.png", b"12345"), ("é.csv", b""))
    files = {file["name"]: file for file in client.get(f"/computations/{id}/files").get_json()["files"]}
    assert files["plots/a b.png"] == {
        "name": "plots/a b.png",
        "size": 5,
        "type": "image/png",
        "url": f"http://localhost/files/{id}/plots/a%20b.png",
    }
    assert client.get(files["plots/a b.png"]["url"]).data == b"12345"
    assert client.get(files["é.csv"]["url"]).data == b""


def test_an_etag_spares_the_second_download(client: FlaskClient, device: Device) -> None:
    id = make(client, device, ("a.txt", b"hello"))
    first = client.get(f"/files/{id}/a.txt")
    assert first.data == b"hello" and first.headers["Content-Length"] == "5"
    second = client.get(f"/files/{id}/a.txt", headers={"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 304 and second.data == b""


@pytest.mark.parametrize(
    ("asked", "got", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=3-5", b"345", "bytes 3-5/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=0-99", b"0123456789", "bytes 0-9/10"),
    ],
)
def test_ranges_are_served(client: FlaskClient, device: Device, asked: str, got: bytes, content_range: str) -> None:
    id = make(client, device, ("a.bin", b"0123456789"))
    response = client.get(f"/files/{id}/a.bin", headers={"Range": asked})
    assert response.status_code == 206
    assert response.data == got and response.headers["Content-Range"] == content_range


def test_a_range_across_pieces_of_a_big_file_is_right(client: FlaskClient, device: Device) -> None:
    content = bytes(range(256)) * 4096  # 1 MiB
    id = make(client, device, ("a.bin", content))
    response = client.get(f"/files/{id}/a.bin", headers={"Range": "bytes=262100-800000"})
    assert response.data == content[262100:800001]


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=5-4", "bytes=x"])
def test_a_range_that_the_file_has_not_is_416(client: FlaskClient, device: Device, asked: str) -> None:
    id = make(client, device, ("a.bin", b"0123456789"))
    response = client.get(f"/files/{id}/a.bin", headers={"Range": asked})
    check_problem(response, 416)
    assert response.headers["Content-Range"] == "bytes */10"


@pytest.mark.parametrize("asked", ["lines=1-2", "bytes=0-1,4-5", "bytes"])
def test_a_range_of_another_unit_or_several_are_answered_with_the_whole_file(
    client: FlaskClient, device: Device, asked: str
) -> None:
    id = make(client, device, ("a.bin", b"0123456789"))
    response = client.get(f"/files/{id}/a.bin", headers={"Range": asked})
    assert (response.status_code, response.data) == (200, b"0123456789")


@pytest.mark.parametrize(
    ("name", "media_type", "kind"),
    [
        ("a.png", "image/png", "inline"),
        ("a.svg", "image/svg+xml", "inline"),
        ("a.txt", "text/plain; charset=utf-8", "inline"),
        ("a.csv", "text/csv; charset=utf-8", "inline"),
        ("a.pdf", "application/pdf", "inline"),
        ("a.html", "text/html; charset=utf-8", "attachment"),
        ("a.xhtml", None, "attachment"),
        ("a.js", None, "attachment"),
        ("a.zip", "application/zip", "attachment"),
        ("noextension", "application/octet-stream", "attachment"),
    ],
)
def test_only_harmless_types_are_shown(
    client: FlaskClient, device: Device, name: str, media_type: str | None, kind: str
) -> None:
    id = make(client, device, (name, b"<script>alert(1)</script>"))
    response = client.get(f"/files/{id}/{name}")
    assert media_type is None or response.content_type == media_type
    assert response.headers["Content-Disposition"].startswith(kind)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"].startswith("sandbox;")
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("a b.zip", 'attachment; filename="a b.zip"'),
        ("é.zip", "attachment; filename=\"_.zip\"; filename*=UTF-8''%C3%A9.zip"),
        ('a"b.zip', "attachment; filename=\"a_b.zip\"; filename*=UTF-8''a%22b.zip"),
        ("d/x.zip", 'attachment; filename="x.zip"'),
        ("100%.zip", "attachment; filename=\"100_.zip\"; filename*=UTF-8''100%25.zip"),
    ],
)
def test_names_survive_in_the_header(client: FlaskClient, device: Device, name: str, disposition: str) -> None:
    id = make(client, device, (name, b""))
    assert client.get(f"/files/{id}/{quote(name)}").headers["Content-Disposition"] == disposition


def test_a_later_version_leaves_the_old_one(client: FlaskClient, device: Device) -> None:
    first, second = make(client, device, ("a.txt", b"old")), make(client, device, ("a.txt", b"new"))
    assert client.get(f"/files/{first}/a.txt").data == b"old"
    assert client.get(f"/files/{second}/a.txt").data == b"new"


def test_absent_files_are_404(client: FlaskClient, device: Device) -> None:
    id = make(client, device, ("a.txt", b"x"))
    for name in ("b.txt", "a.txt/", "../a.txt", "%00", "a.txt%00", "$where", "A.TXT", "x" * 3000):
        check_problem(client.get(f"/files/{id}/{name}"), 404)
