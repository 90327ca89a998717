"""A server takes the libraries that draw charts from where the lock file says, and serves no other bytes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from host import libraries, npm
from host.errors import SourceError
from tests.http_server import HttpServer

SCRIPT = b"console.log('<!-- </script>')\n//# sourceMappingURL=x.map\n"
SERVED = b"console.log('<\\!-- <\\/script>')\n"


@dataclass
class Shop:
    """A registry of npm, a directory of environments and a lock file, all with the same script in them."""

    registry: Path
    prefix: Path
    lock: Path

    @property
    def directory(self) -> Path:
        """Where the libraries are put."""
        return self.prefix / libraries.DIRECTORY

    def offer(self, script: bytes) -> str:
        """Publish the script as the package ``@toys/toy`` 1.0.0; return its integrity."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            member = tarfile.TarInfo("package/build/toy.min.js")
            member.size = len(script)
            archive.addfile(member, io.BytesIO(script))
        file = self.registry / "@toys/toy/-/toy-1.0.0.tgz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(packed.getvalue())
        return "sha512-" + base64.b64encode(hashlib.sha512(packed.getvalue()).digest()).decode()

    def expect(self, **changes: str) -> None:
        """Write the lock file: the toy of npm, with changes."""
        digest = hashlib.sha256(SERVED).hexdigest()
        toy = {"name": "toy", "file": f"toy-{digest[:10]}.js", "sha256": digest, "npm": "@toys/toy", "version": "1.0.0",
               "integrity": self.offer(SCRIPT), "path": "build/toy.min.js"}  # fmt: skip
        self.lock.write_text(json.dumps([toy | changes]))

    def add(self) -> list[str]:
        """Add what is missing."""
        return libraries.add_missing(self.prefix, self.lock)

    def served(self) -> dict[str, bytes]:
        """Return what is ready to be served."""
        return {path.name: path.read_bytes() for path in self.directory.glob("[!.]*")}


class Quiet(SimpleHTTPRequestHandler):
    """A web server of files that says nothing."""

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop whose registry is the one that npm's settings name."""
    shop = Shop(tmp_path / "registry", tmp_path / "prefix", tmp_path / "libraries.json")
    shop.prefix.mkdir()
    shop.expect()
    for name in [name for name in os.environ if name.lower() == "npm_config_registry"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with closing(HttpServer(partial(Quiet, directory=str(shop.registry)))) as registry:
        (tmp_path / ".npmrc").write_text(f"fund=false\nregistry = {registry.url}/\n")
        yield shop


def test_a_library_of_npm_is_served_compressed_and_fit_for_a_script_element(shop: Shop) -> None:
    assert shop.add() == []
    [(_, packed), (_, plain)] = sorted(shop.served().items(), reverse=True)
    assert plain == SERVED and gzip.decompress(packed) == SERVED
    assert all(path.stat().st_mode & 0o022 == 0 for path in (shop.directory, *shop.directory.iterdir()))
    assert libraries.find_missing(shop.prefix, shop.lock) == []


def test_a_library_that_an_environment_carries_is_taken_from_there(shop: Shop) -> None:
    carried = shop.prefix / "untrusted/lib/python3.11/site-packages/toy/toy.js"
    carried.parent.mkdir(parents=True)
    carried.write_bytes(SCRIPT)
    digest = hashlib.sha256(SERVED).hexdigest()
    origin = {"wheel": "toy", "lock": "untrusted", "path": "toy/toy.js"}
    entry = {"name": "toy", "file": "toy.js", "sha256": digest, **origin}
    shop.lock.write_text(json.dumps([entry]))
    assert shop.add() == []
    assert shop.served()["toy.js"] == SERVED


def test_a_tarball_with_other_bytes_is_refused_in_one_sentence_and_nothing_is_served(shop: Shop) -> None:
    shop.offer(SCRIPT + b"evil()")
    [sentence] = shop.add()
    assert sentence == "toy cannot be had: the tarball of @toys/toy 1.0.0 is not the one that the lock file names"
    assert shop.served() == {}


def test_a_script_that_is_not_the_one_to_serve_is_refused(shop: Shop) -> None:
    shop.expect(sha256="0" * 64, file="toy-0000000000.js")
    [sentence] = shop.add()
    assert sentence == "toy cannot be had: what came is not what libraries.json says, so it is not served"
    assert shop.served() == {}


def test_a_changed_library_whose_name_has_no_digest_is_made_anew(shop: Shop) -> None:
    shop.expect(file="toy.js")
    shop.add()
    (shop.directory / "toy.js").write_bytes(b"older")
    assert shop.add() == [] and shop.served()["toy.js"] == SERVED


def test_without_a_network_there_is_one_sentence_and_the_next_try_succeeds(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9/")
    [sentence] = shop.add()
    assert sentence.startswith("toy cannot be had: http://127.0.0.1:9/@toys/toy/-/toy-1.0.0.tgz does not answer (")
    assert "\n" not in sentence and shop.served() == {}
    monkeypatch.delenv("NPM_CONFIG_REGISTRY")
    assert shop.add() == []


def test_a_file_that_the_package_lacks_is_named(shop: Shop) -> None:
    shop.expect(path="build/other.js")
    assert shop.add() == ["toy cannot be had: @toys/toy 1.0.0 has no file build/other.js"]


@pytest.mark.parametrize("registry", ["file:///etc/", "ftp://127.0.0.1/"])
def test_a_registry_that_is_no_web_address_is_refused(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", registry)
    with pytest.raises(SourceError, match="is no address of the web"):
        npm.read("toy", "1.0.0", "sha512-", "toy.js")


def test_where_nobody_set_a_registry_npm_is_asked_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npm, "NPMRC_FILES", ())
    monkeypatch.setattr(npm, "NPM_OF_TESTS", tmp_path)
    for variable in ("npm_config_registry", "NPM_CONFIG_REGISTRY", "NPM_CONFIG_USERCONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SourceError, match="name its address in NPM_CONFIG_REGISTRY"):
        npm.find_registry()
    program = tmp_path / "npm"
    program.write_text('#!/bin/sh\n[ "$*" = "config get registry" ] && echo http://127.0.0.1:9/of-npm/\n')
    program.chmod(0o755)
    assert npm.find_registry() == "http://127.0.0.1:9/of-npm/"


def test_a_tarball_that_is_too_long_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (shop.registry / "@toys/toy/-/toy-1.0.0.tgz").stat().st_size
    monkeypatch.setattr(npm, "TARBALL_BYTES_MAX", size - 1)
    assert "is longer than" in shop.add()[0]
    monkeypatch.setattr(npm, "TARBALL_BYTES_MAX", size)
    assert shop.add() == []


def test_every_library_of_the_lock_file_names_its_digest_and_one_source() -> None:
    for library in libraries.read_lock(libraries.LOCK):
        assert library.sha256[:10] in library.file or library.file == "jquery.min.js"
        assert len({"npm", "wheel", "outlines"} & library.source.keys()) == 1
        assert library.source.get("integrity", "sha512-").startswith("sha512-")
