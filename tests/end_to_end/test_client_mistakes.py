"""A command line that cannot work gets an exit code and one sentence, whoever finds the mistake."""

from __future__ import annotations

from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from singlecell_client.__main__ import main
from tests.http_server import HttpServer


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """Return what runs a command line beside a file a.py, and gives exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    Path("a.py").write_text("1")

    def run(arguments: list[str]) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code
        return (code, *capsys.readouterr())

    return run


class Friendly(BaseHTTPRequestHandler):
    """Answers every request with a page."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<p>Welcome!")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


WRONG = {
    "no command": ([], "required: run"),
    "another command": (["walk", "a.py"], "'walk'"),
    "no file": (["run"], "required: file"),
    "two files": (["run", "a.py", "b.py"], "unrecognized arguments: b.py"),
    "a directory for a file": (["run", "."], ". cannot be read: Is a directory"),
    "an empty name": (["run", ""], "'' cannot be read: No such file"),
    "an option without its value": (["run", "a.py", "--server"], "--server: expected one argument"),
    **{f"the address {url!r}": (["run", "a.py", "--server", url], f"{url!r} is no address of a server")
       for url in ("", "not a url", "http://", "ftp://127.0.0.1/", "127.0.0.1:5000", "http://[", "http://a:99999")},
    "a file to save in": (["run", "a.py", "--into", "a.py"], "files cannot be saved in a.py: File exists"),
    "a directory to upload": (["run", "a.py", "--upload", "."], ".: Is a directory"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_command_line_is_exit_code_2_with_a_sentence(told, what):
    arguments, sentence = WRONG[what]
    code, out, err = told(arguments)
    assert (code, out) == (2, "") and sentence in err


def test_an_address_below_the_servers_is_exit_code_4(told, server):
    answer = told(["run", "a.py", "--server", f"{server.url}/nowhere"])
    assert answer == (4, "", "There is nothing at this address.\n")


def test_a_site_that_is_none_of_ours_is_exit_code_4(told):
    with closing(HttpServer(Friendly)) as other:
        code, out, err = told(["run", "a.py", "--server", other.url])
    assert (code, out) == (4, "") and "no single-cell server" in err
