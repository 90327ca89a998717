"""Files go into the work directory and come out: names, sizes, types, versions, limits at their edges."""

from __future__ import annotations

import hashlib
import uuid

import pytest
import requests


def listed(client, outcome) -> list[dict]:
    """Return the files that the server lists."""
    url = f"{client.url}/computations/{outcome.description['id']}/files"
    return client.http.get(url, timeout=30).json()["files"]


# --- in -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "data.csv",
        "two words.txt",
        "Überraschung Σ.txt",
        "a'b\"c.txt",
        "no-extension",
        "archive.tar.gz",
        "-rf",
        "x" * 250,
    ],
)
def test_an_upload_lies_in_the_work_directory_under_its_own_name(client, name):
    outcome = client.run_with("import os\nprint(os.listdir(), [open(n).read() for n in os.listdir()])", (name, b"1,2"))
    assert outcome.text() == f"{[name]} ['1,2']\n"


def test_uploads_keep_their_bytes(client):
    data = bytes(range(256)) * 8192
    files = [("a.bin", data), ("b.bin", data[::-1]), ("empty", b"")]
    code = "import hashlib\nfor n in 'a.bin', 'b.bin', 'empty': print(hashlib.sha256(open(n, 'rb').read()).hexdigest())"
    expected = "".join(hashlib.sha256(body).hexdigest() + "\n" for _name, body in files)
    assert client.run_with(code, *files).text() == expected


def test_an_upload_that_is_not_changed_is_no_file_of_the_computation(client):
    outcome = client.run_with("open('in.txt').read()", ("in.txt", b"x"))
    assert outcome.files == [] and listed(client, outcome) == []


def test_an_upload_that_the_code_changes_comes_back(client):
    outcome = client.run_with("open('in.txt', 'a').write('y')", ("in.txt", b"x"))
    (file,) = outcome.files
    assert (file["name"], client.fetch(file).content) == ("in.txt", b"xy")


def test_a_file_can_be_uploaded_into_a_kept_session_and_replaces_the_old_one(client):
    session = client.run_with("1", ("d.txt", b"old content"), keep="true").description["session"]
    outcome = client.run_with("print(open('d.txt').read())", ("d.txt", b"new"), session=session, keep="true")
    assert outcome.text() == "new\n"
    assert client.run("print(open('d.txt').read())", session=session).text() == "new\n"


def test_an_upload_never_counts_as_made_by_the_code_however_often_it_is_tried(client):
    for _ in range(20):
        outcome = client.run_with("1", *[(f"{n}.bin", bytes(100_000)) for n in range(5)])
        assert outcome.files == []


def test_an_upload_that_has_no_place_is_told_and_the_session_goes_on(client):
    session = client.run("import os\nos.mkdir('taken')\nos.symlink('/etc/x', 'link')", keep=True).description["session"]
    outcome = client.run_with("print('on')", ("taken", b"x" * 3_000_000), ("link", b"y"), session=session, keep="true")
    assert (outcome.state, outcome.text()) == ("done", "on\n")
    said = outcome.text("stderr")
    assert "'taken' could not be put in its place: Is a directory" in said and "'link'" in said
    assert client.run("1 + 1", session=session).result == "2"


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/b", "..", ".", "a\\b", "nul\0", "line\nbreak", "x" * 256])
def test_an_unsafe_name_is_refused_with_a_sentence(client, name):
    boundary = "frontier"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="code"\r\n\r\n1\r\n'
    body += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{escaped}"\r\n\r\nx\r\n'
    body += f"--{boundary}--\r\n"
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = client.http.post(f"{client.url}/computations", data=body.encode(), headers=headers, timeout=30)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert len(answer.json()["detail"]) > 10


def test_an_upload_to_a_dead_session_is_refused(client):
    session = client.run("1", keep=True).description["session"]
    client.run("import os; os._exit(1)", session=session, keep=True)
    answer = client.upload("1", ("a", b"x"), session=session)
    # The death may be noticed a moment after the computation's end: then the computation says so itself.
    if answer.status_code == 201:
        assert client.finish(answer.json()["id"]).reason == "session_gone"
    else:
        assert answer.status_code == 410


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_request_is_taken_up_to_its_limit(client, more):
    most = client.limit("request_bytes_max")
    frame = len(requests.Request("POST", client.url, data={"code": _SIZE}, files=[("file", ("a", b""))]).prepare().body)
    answer = client.upload(_SIZE, ("a", b"x" * (most - frame + more)))
    assert int(answer.request.headers["Content-Length"]) == most + more
    if more == 1:
        assert answer.status_code == 413 and answer.json()["detail"]
    else:
        assert client.finish(answer.json()["id"]).result == str(most - frame + more)


_SIZE = "import os\nos.path.getsize('a')"

# --- out ------------------------------------------------------------------------------------------------------------


def test_a_file_comes_out_with_name_size_and_type_and_is_announced_before_the_reply(client):
    outcome = client.run("open('table.csv', 'w').write('a,b\\n1,2\\n');")
    (file,) = outcome.files
    assert (file["name"], file["size"], file["type"]) == ("table.csv", 8, "text/csv")
    kinds = [message["header"]["msg_type"] for message in outcome.messages]
    assert kinds[-3:] == ["display_data", "execute_reply", "status"]
    (entry,) = listed(client, outcome)
    assert (entry["name"], entry["size"], entry["type"]) == ("table.csv", 8, "text/csv")
    answer = client.fetch(file)
    assert answer.content == b"a,b\n1,2\n"
    assert answer.headers["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize(
    ("name", "shown", "inline"),
    [
        ("a.png", "image/png", True),
        ("a.svg", "image/svg+xml", True),
        ("a.txt", "text/plain", True),
        ("a.pdf", "application/pdf", True),
        ("a.html", "text/html", False),
        ("a.xyz-unknown", "application/octet-stream", False),
        ("a.ipynb", None, False),
        ("a.parquet", None, False),
    ],
)
def test_a_file_has_one_type_wherever_it_is_named_and_is_shown_only_when_harmless(client, name, shown, inline):
    outcome = client.run(f"open({name!r}, 'w').write('x');")
    (message,), (entry,) = outcome.files, listed(client, outcome)
    answer = client.fetch(entry)
    assert message["type"] == entry["type"] == answer.headers["Content-Type"].partition(";")[0]
    assert shown in (None, entry["type"])
    assert answer.headers["Content-Disposition"].startswith("inline" if inline else "attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Access-Control-Allow-Origin"]


@pytest.mark.parametrize("name", ["two words.txt", "Σ 漢.txt", "100%.txt", "a#b?c.txt", "sub/deep/x.txt", 'quote".txt'])
def test_names_of_files_survive_the_way_out(client, name):
    code = f"import os\nname = {name!r}\nos.makedirs(os.path.dirname(name) or '.', exist_ok=True)\n"
    code += "open(name, 'w').write('x');"
    outcome = client.run(code)
    (file,), (entry,) = outcome.files, listed(client, outcome)
    assert file["name"] == entry["name"] == name
    assert client.fetch(file).content == client.fetch(entry).content == b"x"


def test_a_saved_image_is_offered_to_be_shown(client):
    outcome = client.run("import matplotlib.pyplot as plt\nplt.plot([1]); plt.savefig('f.png'); plt.close()")
    (file,) = outcome.files
    assert (file["name"], file["type"]) == ("f.png", "image/png")
    assert client.fetch(file).content.startswith(b"\x89PNG")


def test_ranges_and_etags_are_honoured(client):
    outcome = client.run("open('d.bin', 'wb').write(bytes(range(256)) * 4096);")
    (file,) = listed(client, outcome)
    whole = client.fetch(file)
    assert (len(whole.content), whole.headers["Accept-Ranges"]) == (1 << 20, "bytes")
    part = client.fetch(file, Range="bytes=1000-1009")
    assert (part.status_code, part.content) == (206, bytes(range(256))[1000 % 256 :][:10])
    assert part.headers["Content-Range"] == f"bytes 1000-1009/{1 << 20}"
    assert client.fetch(file, Range="bytes=-3").content == b"\xfd\xfe\xff"
    assert client.fetch(file, Range=f"bytes={1 << 20}-").status_code == 416
    etag = whole.headers["ETag"]
    assert client.fetch(file, **{"If-None-Match": etag}).status_code == 304
    assert client.fetch(file, **{"If-None-Match": '"other"'}).status_code == 200
    assert client.fetch(file, Range="bytes=0-1", **{"If-Range": etag}).status_code == 206
    assert client.fetch(file, Range="bytes=0-1", **{"If-Range": '"other"'}).status_code == 200


def test_a_rewritten_file_is_a_new_version_and_the_old_computation_shows_its_own(client):
    one = client.run("open('v.txt', 'w').write('one');", keep=True)
    session = one.description["session"]
    two = client.run("open('v.txt', 'w').write('two!');", session=session, keep=True)
    three = client.run("open('v.txt').read()", session=session)
    (old,), (new,) = listed(client, one), listed(client, two)
    assert (client.fetch(old).content, client.fetch(new).content) == (b"one", b"two!")
    assert (old["size"], new["size"]) == (3, 4)
    assert client.fetch(old).headers["ETag"] != client.fetch(new).headers["ETag"]
    assert listed(client, three) == [] and three.files == []


def test_files_of_a_cell_that_raised_come_out_too(client):
    outcome = client.run("open('kept.txt', 'w').write('x')\n1 / 0")
    assert outcome.error["ename"] == "ZeroDivisionError"
    assert [file["name"] for file in outcome.files] == ["kept.txt"]


def test_files_of_a_cell_that_was_killed_come_out_too(client):
    computation = client.submit("open('kept.txt', 'w').write('x')\nprint('in', flush=True)\nwhile True: pass")["id"]
    client.until_printed(computation)
    client.cancel(computation)
    outcome = client.finish(computation)
    (file,) = outcome.files
    assert (outcome.state, file["name"], client.fetch(file).content) == ("cancelled", "kept.txt", b"x")


def test_a_file_can_be_asked_for_without_its_bytes(client):
    (file,) = listed(client, client.run("open('a.txt', 'w').write('x' * 10);"))
    answer = client.http.head(file["url"], timeout=30)
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, "10", b"")


def test_hidden_files_links_and_pipes_stay_inside(client):
    code = "import os\nopen('.hidden', 'w').write('x')\nos.symlink('/etc/passwd', 'link')\nos.mkfifo('pipe')\n"
    outcome = client.run(code + "open('real', 'w').write('x');")
    assert [file["name"] for file in outcome.files] == ["real"]
    said = outcome.text("stderr")
    assert "link" in said and "pipe" in said


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_file_comes_out_up_to_its_limit(client, more):
    most = client.limit("cell_file_bytes_max")
    outcome = client.run(f"f = open('big', 'wb')\nf.truncate({most + more})\nf.close()")
    if more == 1:
        assert outcome.files == [] and "big" in outcome.text("stderr")
        assert str(most) in outcome.text("stderr")
        return
    (file,) = outcome.files
    assert file["size"] == most + more
    assert client.fetch(file, Range="bytes=-1").content == b"\0"
    assert len(client.fetch(file).content) == most + more


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_as_many_files_come_out_as_are_allowed(client, more):
    most = client.limit("cell_files_max")
    outcome = client.run(f"for i in range({most + more}): open(f'{{i:04}}', 'w').write('x')")
    assert len(outcome.files) == len(listed(client, outcome)) == min(most, most + more)
    assert (outcome.text("stderr") != "") == (more == 1)


def test_unknown_files_and_computations_are_404(client):
    outcome = client.run("open('a', 'w').write('x');")
    id = outcome.description["id"]
    for path in (
        f"/files/{id}/b",
        f"/files/{id}/",
        f"/files/{uuid.uuid4()}/a",
        f"/files/{id}/..%2fa",
        "/computations/x/files",
    ):
        answer = client.http.get(client.url + path, timeout=30)
        assert answer.status_code == 404, path
        assert answer.headers["Content-Type"].startswith("application/problem+json")
