"""What is no plain file of the session goes neither out of it nor into it, and the student is told."""

from __future__ import annotations

import hashlib
import http.client

import pytest

SECRET = "root:"
# name: code that leaves something in the work directory beside the honest file
TRICKS = {
    "F1 link to a file of the host": "os.symlink('/etc/passwd', 'out.txt')",
    "F1 relative link": "os.symlink('../../etc/passwd', 'out.txt')",
    "F1 link through proc": "os.symlink('/proc/self/root/etc/passwd', 'out.txt')",
    "F2 linked directory": "os.symlink('/', 'd')",
    "F2 loop": "os.symlink('.', 'l'); os.symlink('a', 'b'); os.symlink('b', 'a')",
    "F4 second name": "open('a.txt', 'w').write('x'); os.link('a.txt', 'b.txt')",
    "F5 FIFO": "os.mkfifo('f')",
    "F5 socket": "import socket; socket.socket(1).bind('s')",
    "F6 magic link": "os.symlink('/proc/self/fd/0', 'm'); os.symlink('/proc/self/environ', 'e'); os.symlink('/dev/zero', 'z')",
    "F8 giant without blocks": "os.truncate(os.open('g', os.O_CREAT | os.O_WRONLY), 60_000_000)",
    "F9 many names of one file": "open('a', 'wb').write(bytes(1 << 20)); [os.link('a', f'l{n}') for n in range(100)]",
    "F11 newline": "open('a\\nb', 'w')",
    "F11 carriage return": "open('a\\rb', 'w')",
    "F11 not UTF-8": "open(b'\\xff\\xfe', 'w')",
    "F11 turned text": "open('a\\u202etxt.exe', 'w')",
    "F13 hidden": "open('.hidden', 'w').write('x'); os.makedirs('.d'); open('.d/a', 'w').write('x')",
    "F13 hidden rules of a server": "open('.htaccess', 'w').write('x')",
    "F18 mode for nobody": "os.makedirs('d'); open('d/x', 'w').write('x'); os.chmod('d', 0)",
    "F19 moved while it is read": "os.makedirs('p/q'); open('p/q/.x', 'w'); os.rename('p', '.p2')",
}  # fmt: skip


def files_of(client, outcome) -> dict[str, dict]:
    answer = client.http.get(f"{client.url}/computations/{outcome.description['id']}/files", timeout=30)
    return {file["name"]: file for file in answer.json()["files"]}


@pytest.mark.parametrize("name", TRICKS)
def test_only_plain_files_of_the_session_are_handed_over(client, name):
    outcome = client.run(f"import os\nopen('honest.txt', 'w').write('here')\n{TRICKS[name]}")
    assert outcome.state == "done", outcome.messages[-4:]
    assert set(files_of(client, outcome)) == {"honest.txt"}, outcome.text("stderr")
    file = files_of(client, outcome)["honest.txt"]
    assert client.http.get(file["url"], timeout=30).text == "here"
    assert SECRET not in str(outcome.messages)


def test_modes_are_never_copied_and_do_not_hinder_the_end(client):
    """F14"""
    outcome = client.run(
        "import os, subprocess\nfor n, mode in (('none', 0), ('suid', 0o6755)):\n    open(n, 'w').write(n); os.chmod(n, mode)\n"
        "subprocess.run(['chattr', '+i', 'suid'], capture_output=True)"
    )
    assert outcome.state == "done"
    assert set(files_of(client, outcome)) <= {"none", "suid"}


def test_no_swap_of_file_and_link_leads_outside(client):
    """F3, F7"""
    code = """
import os
if os.fork() == 0:
    while True:
        try:
            os.symlink('/etc/passwd', '.l'); os.replace('.l', 'a')
            open('.f', 'w').write('mine' * 1000); os.replace('.f', 'a')
            with open('b', 'r+b' if os.path.exists('b') else 'wb') as f: f.truncate(0); f.write(b'y' * 100_000)
        except OSError: pass
import time; time.sleep(0.3)
"""
    for _ in range(5):
        outcome = client.run(code)
        assert outcome.state == "done"
        for file in files_of(client, outcome).values():
            assert SECRET not in client.http.get(file["url"], timeout=30).text


def test_the_number_and_the_bytes_of_files_are_limited_and_the_rest_is_told(client):
    """F8, F9, F10"""
    outcome = client.run("for n in range(3000): open(f'{n:04}.txt', 'w').write('x')")
    assert outcome.state in ("done", "failed")
    assert sorted(files_of(client, outcome)) == [f"{n:04}.txt" for n in range(20)]
    assert "2970 more files" in outcome.text("stderr")
    again = client.run("for n in range(4): open(f'{n}.bin', 'wb').write(bytes(3 << 20))")
    assert len(files_of(client, again)) == 2, again.text("stderr")


NAMES = [
    "a b.txt",
    "-rf",
    "é.txt",
    "e\u0301.txt",
    "<img src=x onerror=alert(1)>.txt",
    "a'b\"c.txt",
    "x" * 255,
    "$(id).txt",
    "a;b.txt",
    "%2e%2e",
]


def test_strange_but_honest_names_come_out_unchanged(client):
    """F11, F22"""
    outcome = client.run(f"for name in {NAMES!r}: open(name, 'w').write(name)")
    files = files_of(client, outcome)
    assert set(files) == set(NAMES)
    for name, file in files.items():
        answer = client.http.get(file["url"], timeout=30)
        assert answer.content.decode() == name
        disposition = answer.headers.get("Content-Disposition", "")
        assert disposition.isascii() and "\n" not in disposition


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../a", "a/../../b", "a/b", "a\0b", "..\\a", "..", ".", "a\nb", "\u202ea", "x" * 256],
    ids=lambda name: "F15 " + ascii(name)[:20],
)
def test_an_upload_cannot_leave_the_work_directory(client, name):
    body = (
        b'--B\r\nContent-Disposition: form-data; name="code"\r\n\r\nimport os; print(sorted(os.listdir(".")), os.listdir(".."))\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="' + name.encode() + b'"\r\n\r\nx\r\n--B--\r\n'
    )
    answer = client.http.post(
        f"{client.url}/computations", data=body, headers={"Content-Type": "multipart/form-data; boundary=B"}, timeout=30
    )
    assert answer.status_code == 400, answer.text


def test_two_uploads_of_one_name_are_refused(client):
    """F15"""
    answer = client.http.post(
        f"{client.url}/computations",
        files=[("code", (None, "1")), ("file", ("a", b"1")), ("file", ("a", b"2"))],
        timeout=30,
    )
    assert answer.status_code == 400


def test_an_upload_does_not_follow_a_link_that_the_session_has_planted(client):
    """F17"""
    first = client.run("import os\nos.symlink('/tmp/target', 'data.csv')", keep=True)
    session = first.description["session"]
    answer = client.http.post(
        f"{client.url}/computations",
        files=[
            ("code", (None, "import os\nprint(os.path.exists('/tmp/target'))")), ("session", (None, session)),
            ("file", ("data.csv", b"mine")),
        ],
        timeout=30,
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    outcome = client.finish(answer.json()["id"])
    assert "True" not in outcome.text()
    assert client.run("6 * 7").result == "42"


@pytest.mark.parametrize("name", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "nothing", "", "%2e%2e/x"])
def test_names_and_ids_of_files_cannot_be_bent(client, name):
    """F20"""
    outcome = client.run("open('honest.txt', 'w').write('x')")
    id = outcome.description["id"]
    other = client.run("1").description["id"]
    for path in (f"/files/{id}/{name}", f"/files/{other}/honest.txt", f"/files/..%2f{id}/honest.txt"):
        # The usual clients tidy such a path up before they send it.
        connection = http.client.HTTPConnection(client.url.removeprefix("http://"), timeout=30)
        connection.request("GET", path)
        assert connection.getresponse().status in (400, 404, 405), path
        connection.close()


@pytest.mark.parametrize("suffix", ["html", "svg", "js", "xml", "xhtml", "htm", "pdf", "mht", "wasm", "swf"])
def test_a_file_that_could_run_in_a_browser_does_not(client, suffix):
    """F21"""
    outcome = client.run(f"open('a.{suffix}', 'w').write('<script>alert(1)</script>')")
    answer = client.http.get(files_of(client, outcome)[f"a.{suffix}"]["url"], timeout=30)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    if suffix not in ("pdf", "svg"):  # shown, and sandboxed
        assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_file_stays_as_it_was_when_it_was_announced(client):
    """F23"""
    first = client.run("open('a.txt', 'w').write('first')", keep=True)
    session = first.description["session"]
    second = client.run("open('a.txt', 'w').write('second')", session=session)
    urls = [files_of(client, outcome)["a.txt"]["url"] for outcome in (first, second)]
    assert [client.http.get(url, timeout=30).text for url in urls] == ["first", "second"]


def test_a_file_of_the_largest_size_comes_whole_and_in_ranges(client):
    """F24"""
    outcome = client.run(
        "import os, hashlib\nb = os.urandom(4 << 20)\nopen('a.bin', 'wb').write(b)\nhashlib.sha256(b).hexdigest()"
    )
    url = files_of(client, outcome)["a.bin"]["url"]
    whole = client.http.get(url, timeout=30).content
    assert repr(hashlib.sha256(whole).hexdigest()) == outcome.result
    part = client.http.get(url, headers={"Range": "bytes=4000000-4000099"}, timeout=30)
    assert (part.status_code, part.content) == (206, whole[4000000:4000100])


def test_paths_too_long_for_the_system_cost_the_session_alone(client):
    """F12"""
    code = """
import os
os.makedirs('/'.join(['x' * 50] * 60))
for _ in range(300):
    os.mkdir('y'); os.chdir('y')
open('deep.txt', 'w').write('x')
"""
    outcome = client.run(code)
    assert outcome.state == "done" and files_of(client, outcome) == {}
