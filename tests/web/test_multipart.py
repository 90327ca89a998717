"""Files that come with a computation."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from settings import Settings
from store import Store
from tests.web.conftest import Device, check_problem, make_settings


@pytest.fixture(scope="module")
def settings(mongo_directory: Path) -> Settings:
    """One database for all of this: making one takes longer than a test."""
    return make_settings(mongo_directory)


@pytest.fixture(autouse=True)
def nothing_is_left(store: Store) -> Iterator[None]:
    """Take what a test left in the queue."""
    yield
    while store.claims.claim("d", languages=["python"], sessions=[], new_sessions=True):
        pass


BOUNDARY = "boundary"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    """Return one part of a multipart body."""
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    return f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + value + b"\r\n"


def post(client: FlaskClient, *parts: bytes, end: bytes = f"--{BOUNDARY}--\r\n".encode()) -> TestResponse:
    """Post these parts."""
    return client.post("/computations", data=b"".join(parts) + end, content_type=CONTENT_TYPE)


CODE = part("code", b"1")


def uploads(device: Device) -> dict[str, bytes]:
    """Return the files of the next computation."""
    claim = device.claim()
    return {name: file.read() for name, file in device.store.files.uploads(claim.id)}


def test_fields_and_files_arrive(client: FlaskClient, device: Device) -> None:
    form = {
        "code": "é = 1",
        "language": "python",
        "keep": "true",
        "stdin": "false",
        "file": [(io.BytesIO(b"a,b\r\n--bound"), "a b.csv"), (io.BytesIO(b""), "-é.txt")],
    }
    response = client.post("/computations", data=form, content_type="multipart/form-data")
    assert response.status_code == 201, response.text
    claim = device.claim()
    assert (claim.code, claim.language, claim.keep, claim.stdin) == ("é = 1", "python", True, False)
    files = {name: file.read() for name, file in device.store.files.uploads(claim.id)}
    assert files == {"a b.csv": b"a,b\r\n--bound", "-é.txt": b""}


@pytest.mark.parametrize(("extra", "status"), [(-1, 201), (0, 201), (1, 413)])
def test_the_limit_of_one_file_holds_to_the_byte(client: FlaskClient, settings, extra: int, status: int) -> None:
    content = b"\r\n" * ((settings.cell_file_bytes_max + extra) // 2) + b"x" * (
        (settings.cell_file_bytes_max + extra) % 2
    )
    response = post(client, CODE, part("file", content, "big"))
    assert response.status_code == status
    if status == 413:
        check_problem(response, 413, "'big'")


@pytest.mark.parametrize(("count", "status"), [(2, 201), (3, 201), (4, 413)])
def test_the_number_of_files_is_limited(client: FlaskClient, count: int, status: int) -> None:
    response = post(client, CODE, *(part("file", b"x", f"f{number}") for number in range(count)))
    assert response.status_code == status


@pytest.mark.parametrize(("extra", "status"), [(-1, 201), (0, 201), (1, 413)])
def test_the_limit_of_the_code_is_that_of_json(client: FlaskClient, settings, extra: int, status: int) -> None:
    response = post(client, part("code", b"#" * (settings.code_bytes_max + extra)))
    assert response.status_code == status
    if status == 413:
        check_problem(response, 413, "`code`")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "name"),
        (".", "name"),
        ("..", "name"),
        ("/etc/passwd", "path"),
        ("../x", "path"),
        ("a/b", "path"),
        ("a\\b", "path"),
        ("a\tb", "characters"),
        ("a\x7fb", "characters"),
        ("a\0b", "characters"),
        ("a\x1b[31m", "characters"),
        ("gnp\u202egpj.exe", "characters"),
        ("é" * 128, "255"),
    ],
)
def test_unsafe_names_are_refused_with_a_sentence(client: FlaskClient, store: Store, name: str, words: str) -> None:
    check_problem(post(client, CODE, part("file", b"x", name)), 400, words)
    assert_nothing_stored(store)


@pytest.mark.parametrize("name", ["-rf", ".profile", "a b", "Bildschirm\u202ffoto.png", "🙂.txt", "x" * 255, "a:b?*"])
def test_odd_but_harmless_names_are_kept(client: FlaskClient, device: Device, name: str) -> None:
    assert post(client, CODE, part("file", b"x", name)).status_code == 201
    assert uploads(device) == {name: b"x"}


END = f"--{BOUNDARY}--\r\n".encode()
BROKEN = {
    "no end": (CODE, b""),
    "cut in the file": (CODE + part("file", b"x" * 100, "f")[:-50], b""),
    "cut in a header": (CODE + f"--{BOUNDARY}\r\nContent-Disp".encode(), b""),
    "empty": (b"", b""),
    "no disposition": (f"--{BOUNDARY}\r\nX: y\r\n\r\n1\r\n".encode(), END),
    "no name": (f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\n1\r\n".encode(), END),
    "header not UTF-8": (f"--{BOUNDARY}\r\n".encode() + b"Content-Disposition: form-data; name=\xff\r\n\r\n1\r\n", END),
}
WRONG = {
    "no code": (part("file", b"x", "f"), "code"),
    "code twice": (CODE + CODE, "code"),
    "code not UTF-8": (part("code", b"\xff"), "code"),
    "code with NUL": (part("code", b"a\0"), "code"),
    "unknown field": (CODE + part("colour", b"red"), "unknown field"),
    "keep not boolean": (CODE + part("keep", b"1"), "keep"),
    "message without its type": (part("message", b"{}"), "msg_type"),
    "file in another part": (CODE + part("upload", b"x", "f"), "file"),
    "file without a name": (CODE + part("file", b"x"), "file"),
    "two files of one name": (CODE + part("file", b"x", "f") + part("file", b"y", "f"), "'f'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_body_is_refused(client: FlaskClient, store: Store, case: str) -> None:
    body, end = BROKEN[case]
    check_problem(post(client, body, end=end), 400)
    assert_nothing_stored(store)


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_part_is_named(client: FlaskClient, store: Store, case: str) -> None:
    body, words = WRONG[case]
    check_problem(post(client, body), 400, words)
    assert_nothing_stored(store)


def test_a_body_without_boundary_is_refused(client: FlaskClient) -> None:
    check_problem(client.post("/computations", data=CODE, content_type="multipart/form-data"), 400, "boundary")


def test_endless_headers_are_refused(client: FlaskClient) -> None:
    body = f"--{BOUNDARY}\r\nX: ".encode() + b"y" * 290_000
    check_problem(post(client, body), 413)


def assert_nothing_stored(store: Store) -> None:
    assert store.claims.claim("d", languages=["python"], sessions=[], new_sessions=True) is None
