"""The bytes of our own files, and of the libraries that draw charts, on their way to browsers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import ROOT
from web import assets

STATIC = ROOT / "static"
LARGE = [path.relative_to(ROOT).as_posix() for path in STATIC.rglob("*.js") if path.stat().st_size > 50_000]
LIBRARIES = ["static/libraries/bokeh-gl-dffacd5bf4.js", "static/jquery.min.js"]


@pytest.fixture(autouse=True)
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of libraries as host/libraries.py leaves it; the twin says who made it."""
    monkeypatch.setattr(assets, "LIBRARIES", tmp_path / "libraries")
    assets.LIBRARIES.mkdir()
    for address in LIBRARIES:
        file = assets.LIBRARIES / Path(address).name
        file.write_bytes(b"a library\n")
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(b"a library\n", mtime=7))
    return assets.LIBRARIES


@pytest.mark.parametrize("path", [*LARGE, *LIBRARIES])
def test_large_files_travel_compressed_to_those_who_can_read_that(client: FlaskClient, path: str) -> None:
    whole = client.get(f"/{path}")
    expected = b"a library\n" if path in LIBRARIES else (ROOT / path).read_bytes()
    assert whole.data == expected and "Content-Encoding" not in whole.headers
    packed = client.get(f"/{path}", headers={"Accept-Encoding": "gzip, deflate, br"})
    assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.data) == whole.data
    assert packed.headers["Content-Type"] == whole.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert packed.headers["ETag"] != whole.headers["ETag"]
    assert "Accept-Encoding" in packed.headers["Vary"] and "Accept-Encoding" in whole.headers["Vary"]
    head = client.head(f"/{path}", headers={"Accept-Encoding": "gzip"})
    assert not head.data and head.headers["Content-Length"] == packed.headers["Content-Length"]


def test_a_library_is_sent_as_the_twin_beside_it(client: FlaskClient, libraries: Path) -> None:
    packed = client.get(f"/{LIBRARIES[0]}", headers={"Accept-Encoding": "gzip"})
    assert packed.data == (libraries / f"{Path(LIBRARIES[0]).name}.gz").read_bytes()


def test_a_library_that_comes_after_the_start_is_served_from_then_on(client: FlaskClient, libraries: Path) -> None:
    late = "/static/libraries/vega-0123456789.js"
    assert client.get(late).status_code == 404
    (libraries / "vega-0123456789.js").write_bytes(b"late")
    assert client.get(late).data == b"late"


def test_a_file_that_has_changed_is_compressed_anew(client: FlaskClient, libraries: Path) -> None:
    file = libraries / "changing.js"
    for content in (b"first", b"and second"):
        file.write_bytes(content)
        answer = client.get("/static/libraries/changing.js", headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(answer.data) == content


def test_a_compressed_file_is_not_sent_again_to_those_who_have_it(client: FlaskClient) -> None:
    for path in ("/static/embedded_singlecell.js", f"/{LIBRARIES[0]}"):
        etag = client.get(path, headers={"Accept-Encoding": "gzip"}).headers["ETag"]
        again = client.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": etag})
        assert again.status_code == 304 and not again.data


def test_files_named_by_their_content_are_kept_for_a_year_and_others_for_an_hour(client: FlaskClient) -> None:
    paths = [f"/static/singlecell/{path.name}" for path in (STATIC / "singlecell").glob("*.[jh][st]*")]
    for path in (*paths, *(f"/{path}" for path in LIBRARIES)):
        kept = client.get(path).headers["Cache-Control"]
        for_good = re.search(r"-[0-9a-f]{10}\.", path) is not None
        assert ("immutable" in kept, "max-age=31536000" in kept) == (for_good, for_good), path
    assert "max-age=3600" in client.get("/embedded_singlecell.js").headers["Cache-Control"]


@pytest.mark.parametrize("address", ["/static/", "/static/libraries/", "/static/libraries", "/static/singlecell/"])
def test_a_directory_is_not_listed(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


def test_no_file_outside_of_the_two_directories_is_found(client: FlaskClient, libraries: Path) -> None:
    (libraries.parent / "secret.js").write_bytes(b"secret")
    for path in ("../settings.py", "nothing.js", "libraries/../secret.js", "libraries/../../settings.py"):
        for headers in ({}, {"Accept-Encoding": "gzip"}):
            assert client.get(f"/static/{path}", headers=headers).status_code == 404


def test_a_script_of_an_earlier_version_is_served_for_ever(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "PINNED", tmp_path / "pinned")
    assets.PINNED.mkdir()
    for name in ("cell-0123456789.js", "frame-0123456789.html", "cell.js", "page.css"):
        (assets.PINNED / name).write_bytes(b"old")
    for name in ("cell-0123456789.js", "frame-0123456789.html"):
        answer = client.get(f"/static/singlecell/{name}")
        assert answer.data == b"old" and "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Security-Policy"] == "sandbox allow-scripts"
    for path in ("singlecell/cell.js", "singlecell/page.css", "cell-0123456789.js", "pinned/cell-0123456789.js"):
        assert client.get(f"/static/{path}").status_code == 404
    # What this version has itself is never taken from there.
    [ours] = (STATIC / "singlecell").glob("cell-*.js")
    (assets.PINNED / ours.name).write_bytes(b"old")
    assert client.get(f"/static/singlecell/{ours.name}").data == ours.read_bytes()


def test_the_pinned_script_is_the_one_that_moves_and_has_its_digest(client: FlaskClient) -> None:
    [path] = re.findall(r'data-pinned="([^"]+)"', client.get("/embed").text)
    [integrity] = re.findall(r'data-integrity="sha384-([^"]+)"', client.get("/embed").text)
    content = client.get(f"/{path}").data
    assert content == client.get("/embedded_singlecell.js").data
    assert base64.b64encode(hashlib.sha384(content).digest()).decode() == html.unescape(integrity)
    assert hashlib.sha256(content).hexdigest()[:10] in path


def test_scripts_of_other_packages_controls_come_from_the_environments(client: FlaskClient, libraries: Path) -> None:
    for environment, text in (("sage", b"of sage"), ("untrusted", b"of python")):
        for module in ("jupyter-matplotlib", "@scope/module"):
            folder = libraries.parent / environment / assets.NBEXTENSIONS / module
            folder.mkdir(parents=True)
            (folder / "index.js").write_bytes(text)
            (folder / "secret.js").write_bytes(b"secret")
    (libraries.parent / "sage" / assets.NBEXTENSIONS / "only-sage").mkdir()
    (libraries.parent / "sage" / assets.NBEXTENSIONS / "only-sage" / "index.js").write_bytes(b"of sage")
    (libraries.parent / "secret" / "index.js").parent.mkdir()
    (libraries.parent / "secret" / "index.js").write_bytes(b"secret")
    found = {name: client.get(f"/static/widgets/{name}.js").data for name in ("jupyter-matplotlib", "only-sage")}
    assert found == {"jupyter-matplotlib": b"of python", "only-sage": b"of sage"}
    assert client.get("/static/widgets/@scope/module.js").status_code == 200
    outside = ("../../../../secret", "..", ".", "@scope/../only-sage")
    for name in ("nothing", "jupyter-matplotlib/secret", "@scope", "a/b/c", *outside):
        assert client.get(f"/static/widgets/{name}.js").status_code == 404, name
