"""nginx.conf as it stands, with Debian's nginx and uWSGI behind it; only the places of its files are changed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

import settings as settings_file
import store as stores
from harness.kernel_sockets import V1, KernelClient, printed
from harness.processes import Process, start, wait_for
from harness.server import free_port
from settings import Settings
from tests.floods import flood, post
from tests.web.conftest import DEADLINE_S, ROOT, Device, texts
from tests.web.front import LACKING, LIBRARIES, NGINX, START_S, UWSGI, client_at, placed, run_nginx
from web import request_schemas
from web.client_shares import REQUESTS_BURST, REQUESTS_PER_S
from web.doors import jobe, jobe_spec, service

KEY = "a-key-of-the-operator"
OPERATOR = {"Authorization": f"Bearer {KEY}"}

pytestmark = pytest.mark.skipif(NGINX is None, reason=LACKING)


@dataclass(frozen=True)
class Front:
    """A running nginx and the settings of the uWSGI behind it."""

    url: str
    settings: Settings
    uwsgi: Process
    socket: Path


@pytest.fixture(scope="module")
def front(mongo_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """nginx and uWSGI over a database of their own."""
    from store import embedded

    directory = tmp_path_factory.mktemp("front")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # Debian's uwsgi_params hands on the host without its port.
    chosen = {
        "mongo_uri": embedded.uri(mongo_directory),
        "mongo_database": "test_nginx",
        "public_url": url,
        "operator_key": KEY,
    }
    config = directory / "singlecell_config.py"
    config.write_text("".join(f"{name} = {value!r}\n" for name, value in chosen.items()))
    config.chmod(0o600)
    web = [
        str(UWSGI), "--socket", str(directory / "web.sock"), "--chmod-socket=666", "--gevent", "96",
        "--gevent-monkey-patch", "--master", "--lazy-apps", "--need-app", "--die-on-term", "--module", "web_server:app",
    ]  # fmt: skip
    env = {**os.environ, "SINGLECELL_CONFIG": str(config)}
    with (
        start(web, ready="WSGI app 0 .* ready", deadline_s=START_S, env=env, cwd=ROOT) as uwsgi,
        run_nginx(directory, placed(directory, port), url),
    ):
        yield Front(url, settings_file.load(**chosen), uwsgi, directory / "web.sock")


@pytest.fixture
def device(front: Front) -> Iterator[Device]:
    """A device on the database that uWSGI uses."""
    door = stores.connect(front.settings)
    yield Device(door)
    door.close()


def check_problem(response: requests.Response, status: int) -> None:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status and problem["title"] and problem["detail"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_the_size_limits_equal_the_settings() -> None:
    text = (ROOT / "nginx.conf").read_text()
    settings = settings_file.load()
    sizes = [settings.request_bytes_max, request_schemas.json_bytes_max(settings)]
    assert re.findall(r"client_max_body_size (\S+);", text) == [str(size) for size in sizes]


def test_the_read_timeout_is_longer_than_the_longest_wait() -> None:
    text = (ROOT / "nginx.conf").read_text()
    seconds, doors_seconds = map(int, re.findall(r"uwsgi_read_timeout (\d+)s;", text))
    settings = settings_file.load()
    assert seconds > settings.wait_s_max
    job_s = jobe_spec.WALL_PER_CPU * jobe_spec.cputime_max("c", settings)
    assert doors_seconds > max(service.RUN_S, job_s + jobe.SLACK_S)


def test_the_rate_of_requests_equals_that_of_the_web_part() -> None:
    text = (ROOT / "nginx.conf").read_text()
    assert re.findall(r"limit_req_zone \$client zone=requests:\S+ rate=(\d+)r/s;", text) == [str(REQUESTS_PER_S)]
    assert set(re.findall(r"limit_req zone=requests burst=(\d+) nodelay;", text)) == {str(REQUESTS_BURST)}


def test_too_many_requests_of_one_address_are_told_so_and_others_are_served(front: Front) -> None:
    # All in one piece, and what nginx answers by itself: one by one a slow machine would not ask so fast.
    asked = b"GET /static/nothing.js HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
    with socket.create_connection(("127.0.0.1", int(front.url.rpartition(":")[2])), timeout=60) as line:
        line.sendall(asked % b"" * (2 * REQUESTS_BURST) + asked % b"Connection: close\r\n")
        first, *others = re.split(rb"HTTP/1\.1 (?=\d{3} )", line.makefile("rb").read())[1:]
    refused = [answer for answer in others if answer.startswith(b"429 ")]
    assert refused and not first.startswith(b"429 ")
    head, _, body = refused[0].decode().partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    assert headers["Content-Type"] == "application/problem+json" and headers["Access-Control-Allow-Origin"] == "*"
    problem = json.loads(body)
    assert problem["status"] == 429 and problem["title"] and problem["detail"] and int(headers["Retry-After"]) > 0
    with client_at("127.0.0.3") as http:
        assert http.get(f"{front.url}/healthz", timeout=10).status_code == 200


def test_shares_are_those_of_the_address_that_nginx_sees(front: Front) -> None:
    """A stranger cannot say of itself through a proxy that it is another one, or the operator."""
    with client_at("127.0.0.4") as http:
        for claimed in (None, "203.0.113.5", "127.0.0.1"):
            headers = {"X-Forwarded-For": claimed} if claimed else {}
            assert http.get(f"{front.url}/limits", headers=headers, timeout=10).json()["left"]["client_cpu_s"]["most"]


def test_tls_works_as_the_comments_say(front: Front, tmp_path: Path) -> None:
    secure, plain = free_port(), free_port()
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    text = placed(tmp_path, plain).replace(f"listen 127.0.0.1:{plain} default_server;", "", 1)
    text = re.sub(r"#TLS +listen \[::\].*", "", text)  # not every machine has IPv6
    places = {
        "#TLS ": "",
        "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
        "listen 80 default_server": f"listen 127.0.0.1:{plain} default_server",
        "/etc/letsencrypt/live/cells.example.org": str(tmp_path),
        f"unix:{tmp_path}/web.sock": f"unix:{front.socket}",
    }
    for place, ours in places.items():
        assert place in text or place == "listen 80 default_server", place
        text = text.replace(place, ours)
    (tmp_path / "nginx.conf").write_text(text)
    argv = [str(NGINX), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off;"]
    with start(argv, ready=lambda: _redirects(plain), deadline_s=START_S):
        redirect = requests.get(f"http://127.0.0.1:{plain}/?q=x", allow_redirects=False, timeout=10)
        assert (redirect.status_code, redirect.headers["Location"]) == (301, "https://127.0.0.1/?q=x")
        assert requests.get(f"https://localhost:{secure}/healthz", verify=certificate, timeout=10).json()["alive"]
        assert requests.get(f"https://localhost:{secure}/limits", verify=certificate, timeout=10).status_code == 200


def _redirects(port: int) -> bool:
    with suppress(requests.ConnectionError):
        return requests.get(f"http://127.0.0.1:{port}/", allow_redirects=False, timeout=5).status_code == 301
    return False


def test_a_cell_runs_through_nginx(front: Front, device: Device) -> None:
    submitted = requests.post(f"{front.url}/computations", json={"code": "1"}, timeout=10)
    assert submitted.status_code == 201
    links = submitted.json()["links"]
    assert links["self"].startswith(front.url)
    device.run("hello")
    page = requests.get(links["messages"], params={"wait": 5}, timeout=10).json()
    assert texts(page["messages"]) == ["hello"] and page["finished"]


def test_a_long_poll_wakes_through_nginx(front: Front, device: Device) -> None:
    links = requests.post(f"{front.url}/computations", json={"code": "1"}, timeout=10).json()["links"]
    pages: list[dict] = []
    waiter = threading.Thread(
        target=lambda: pages.append(requests.get(links["messages"], params={"wait": 30}, timeout=40).json())
    )
    waiter.start()
    wait_for(lambda: "singlecell_http_waiting 1.0" in _figures(front))
    device.run("hello")
    waiter.join(20)
    assert texts(pages[0]["messages"]) == ["hello"]


def _figures(front: Front) -> str:
    return requests.get(f"{front.url}/metrics", headers=OPERATOR, timeout=10).text


def test_who_asks_through_nginx_is_an_outsider_without_the_key(front: Front, device: Device) -> None:
    device.report(free=1)
    for headers in ({}, {"X-Forwarded-For": ""}, {"X-Forwarded-For": "127.0.0.1"}):
        answer = requests.get(f"{front.url}/readyz", headers=headers, timeout=10).json()
        assert answer == {"ready": True, "reasons": [], "accounts": []}
        assert "singlecell_free" not in requests.get(f"{front.url}/metrics", headers=headers, timeout=10).text
    assert requests.get(f"{front.url}/readyz", headers=OPERATOR, timeout=10).json()["accounts"]
    assert "singlecell_free" in _figures(front)


def test_too_many_connections_of_one_address_are_told_so(front: Front) -> None:
    most = re.findall(r"limit_conn connections (\d+);", (ROOT / "nginx.conf").read_text())[0]
    port = int(front.url.rpartition(":")[2])
    with flood(port, int(most), post(100)):

        def refused() -> list[requests.Response]:
            """Return an answer that refuses; what fills the places comes and goes."""
            answer = requests.get(f"{front.url}/limits", timeout=10)
            return [answer] if answer.status_code == 429 else []

        [answer] = wait_for(refused)
        check_problem(answer, 429)
        assert int(answer.headers["Retry-After"]) > 0
    wait_for(lambda: requests.get(f"{front.url}/limits", timeout=10).status_code == 200)


def test_events_arrive_one_by_one(front: Front, device: Device) -> None:
    links = requests.post(f"{front.url}/computations", json={"code": "1"}, timeout=10).json()["links"]
    claim = device.claim()
    with requests.get(f"{links['self']}/events", stream=True, timeout=20) as stream:
        lines = stream.iter_lines()
        for said in ("first", "second"):
            device.say(claim, said)
            assert said in next(line for line in lines if line.startswith(b"data: ")).decode()
        device.finish(claim)
        assert b"event: end" in list(lines)


@pytest.mark.parametrize("form", [None, V1])
def test_a_kernels_socket_opens_through_nginx(front: Front, device: Device, form: str | None) -> None:
    kernels = KernelClient(front.url)
    with kernels.open(kernels.start(), form) as socket:
        assert socket.finish(socket.send("kernel_info_request", {}))
        ran = socket.execute("1")
        wait_for(lambda: device.store.computations.are_waiting(1))  # the socket says nothing of it before
        device.run("through nginx")
        said = socket.until(lambda found: found["header"]["msg_type"] == "stream")
        assert printed(said) == "through nginx" and said[-1]["parent_header"]["msg_id"] == ran


def test_a_file_comes_whole_and_in_ranges(front: Front, device: Device) -> None:
    id = requests.post(f"{front.url}/computations", json={"code": "1"}, timeout=10).json()["id"]
    claim = device.claim()
    content = b"0123456789" * 100_000
    with device.store.files.write(claim, "a.txt") as writer:
        writer.write(content)
    device.finish(claim)
    whole = requests.get(f"{front.url}/files/{id}/a.txt", timeout=20)
    assert whole.content == content and whole.headers["ETag"].startswith('"')
    part = requests.get(f"{front.url}/files/{id}/a.txt", headers={"Range": "bytes=999990-"}, timeout=20)
    assert part.status_code == 206 and part.content == b"0123456789"


def test_static_files_and_the_embed_script_come_from_nginx(front: Front) -> None:
    for path in ("/embedded_singlecell.js", "/static/embedded_singlecell.js"):
        response = requests.get(front.url + path, timeout=10)
        assert response.status_code == 200 and "javascript" in response.headers["Content-Type"]
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "X-Accel-Buffering" not in response.headers
    for path in ("/static/jquery.min.js", f"/static/libraries/{next(LIBRARIES.glob('vega-*.js')).name}"):
        response = requests.get(front.url + path, timeout=10)
        assert response.headers["Content-Encoding"] == "gzip" and "javascript" in response.headers["Content-Type"]
        assert ("immutable" in response.headers["Cache-Control"]) == ("vega" in path)
    assert requests.get(f"{front.url}/static/libraries/", timeout=10).status_code in (403, 404)
    for name in ("cell-0123456789.js", "frame-0123456789.html"):  # of an earlier version, if it is kept: uWSGI knows
        check_problem(requests.get(f"{front.url}/static/singlecell/{name}", timeout=10), 404)
    [frame] = (ROOT / "static" / "singlecell").glob("frame-*.html")
    response = requests.get(f"{front.url}/static/singlecell/{frame.name}", timeout=10)
    assert response.headers["Content-Security-Policy"] == "sandbox allow-scripts"


def test_answers_are_compressed_but_not_the_source_tree_served(front: Front) -> None:
    assert requests.get(f"{front.url}/openapi.json", timeout=10).headers["Content-Encoding"] == "gzip"
    for path in ("/settings.py", "/static/../settings.py", "/static/%2e%2e/settings.py", "/static"):
        assert requests.get(front.url + path, timeout=10).status_code == 404


def test_a_preflight_passes_nginx(front: Front) -> None:
    headers = {"Origin": "https://book.example", "Access-Control-Request-Method": "DELETE"}
    response = requests.options(f"{front.url}/computations/x", headers=headers, timeout=10)
    assert response.status_code == 200 and response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(("extra", "status"), [(0, 413), (1, 413)])
def test_too_large_bodies_are_problems_of_ours_or_of_nginx(front: Front, extra: int, status: int) -> None:
    # At the limit the web part answers (the code is too long), above it nginx.
    body = b"x" * (front.settings.request_bytes_max + extra)
    response = requests.post(f"{front.url}/computations", data=body, timeout=30)
    check_problem(response, status)


def test_nginxs_own_errors_are_problems(front: Front) -> None:
    check_problem(requests.get(f"{front.url}/{'x' * 40_000}", timeout=10), 414)
    check_problem(requests.get(f"{front.url}/static/nothing.js", timeout=10), 404)


def test_a_stopped_web_part_is_a_problem_with_retry_after(front: Front) -> None:
    front.uwsgi.signal(signal.SIGTERM)
    front.uwsgi.wait(DEADLINE_S)
    response = requests.get(f"{front.url}/limits", timeout=10)
    check_problem(response, 502)
    assert int(response.headers["Retry-After"]) > 0
