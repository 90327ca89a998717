"""Read a file of an npm package, which its hash identifies, without Node."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import shutil
import ssl
import subprocess
import tarfile
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from host.errors import SourceError
from host.layout import CHECKOUT

# As npm reads them, the user's own first.
NPMRC_FILES = ("~/.npmrc", "/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc")
NPM_OF_TESTS = CHECKOUT / ".build" / "tests" / "bin"  # comes with the environment of the tests
ANSWER_S_MAX = 30
TARBALL_BYTES_MAX = 32 << 20
FILE_BYTES_MAX = 32 << 20


def read(package: str, version: str, integrity: str, path: str) -> bytes:
    """Return a file of a package. Raises SourceError when the registry has other bytes than ``integrity`` names.

    ``integrity``: as in package-lock.json, ``sha512-`` and the digest in base 64.
    """
    registry, short = find_registry().rstrip("/"), package.rpartition("/")[2]
    tarball = _fetch(f"{registry}/{package}/-/{short}-{version}.tgz")
    if integrity != "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode():
        raise SourceError(f"the tarball of {package} {version} is not the one that the lock file names")
    with tarfile.open(fileobj=io.BytesIO(tarball), mode="r:gz") as archive:
        try:
            member = archive.getmember(f"package/{path}")
        except KeyError:
            raise SourceError(f"{package} {version} has no file {path}") from None
        file = archive.extractfile(member)
        if file is None or member.size > FILE_BYTES_MAX:
            raise SourceError(f"{path} of {package} {version} is no file of at most {FILE_BYTES_MAX >> 20} MiB")
        return file.read()


def find_registry() -> str:
    """Return the address of npm's registry: that of its settings, else what npm says, where it is installed.

    Raises SourceError when nobody knows it. A package from anywhere is believed by its hash alone.
    """
    if named := find_setting("registry"):
        return named
    npm = shutil.which("npm", path=f"{os.environ.get('PATH', os.defpath)}:{NPM_OF_TESTS}")
    if npm:
        asked = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and asked.stdout.strip():
            return asked.stdout.strip()
    raise SourceError("no npm is here that knows npm's registry; name its address in NPM_CONFIG_REGISTRY")


def find_setting(name: str) -> str:
    """Return a setting of npm: from the environment, else from the first npmrc file that has it; "" where none has."""
    for variable in (f"npm_config_{name}", f"NPM_CONFIG_{name.upper()}"):
        if value := os.environ.get(variable):
            return value
    for file in (os.environ.get("NPM_CONFIG_USERCONFIG", ""), *NPMRC_FILES):
        try:
            lines = Path(file).expanduser().read_text().splitlines() if file else []
        except (OSError, RuntimeError):  # not there, or there is no home directory
            continue
        for line in lines:
            key, equals, value = line.partition("=")
            if equals and key.strip() == name:
                return os.path.expandvars(value.strip().strip("\"'"))
    return ""


def _fetch(address: str) -> bytes:
    if urlsplit(address).scheme not in ("https", "http"):
        raise SourceError(f"npm's setting registry is no address of the web: {address}")
    try:
        trusted = ssl.create_default_context(cafile=find_setting("cafile") or None)
        with urllib.request.urlopen(address, timeout=ANSWER_S_MAX, context=trusted) as answer:
            tarball: bytes = answer.read(TARBALL_BYTES_MAX + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: an address that is none
        reason = getattr(error, "reason", error)
        raise SourceError(f"{address} does not answer ({reason})") from error
    if len(tarball) > TARBALL_BYTES_MAX:
        raise SourceError(f"{address} is longer than {TARBALL_BYTES_MAX >> 20} MiB")
    return tarball
