"""Jobe's calls over HTTP: its words for what is not right, its bounds, keys, files and overload."""

from __future__ import annotations

from base64 import b64encode
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import store as stores
from settings import Settings
from store import Claim, Key
from tests.web.conftest import Device, MakeApp, described_answers, make_settings, message, submit
from tests.web.meanwhile import answered
from web.doors.jobe import JOB_TYPE

JOBE = "/jobe/index.php/restapi"
CONTENT = b"line\n"
ID = md5(CONTENT).hexdigest()


@pytest.fixture
def settings(mongo_directory: Path, database_name: str) -> Settings:
    """Settings under which the files of a job can be too large together."""
    return make_settings(mongo_directory, mongo_database=database_name, cell_files_max=4)


@pytest.fixture(autouse=True)
def _reported(device: Device) -> None:
    device.report()


def put(client: FlaskClient, id: str = ID, contents: object = None, prefix: str = JOBE, **headers: str) -> TestResponse:
    """Put a file."""
    text = b64encode(CONTENT).decode() if contents is None else contents
    return client.put(f"{prefix}/files/{id}", json={"file_contents": text}, headers=headers)


def run(client: FlaskClient, *, prefix: str = JOBE, address: str = "", **spec: Any) -> TestResponse:
    """Post a job that nobody runs: it has to be refused, or to be answered with an outcome at once."""
    forwarded = {"X-Forwarded-For": address} if address else {}
    full = {"language_id": "python3", "sourcecode": "1", **spec}
    body = {"run_spec": {name: value for name, value in full.items() if value is not ...}}
    return client.post(f"{prefix}/runs", json=body, headers=forwarded)


class Jobs:
    """A client of Jobe's, and the device that runs what it posts."""

    def __init__(self, client: FlaskClient, device: Device) -> None:
        self._client, self._device = client, device
        self.claim: Claim | None = None

    def run(self, told: object = 15, state: str = "done", reason: str | None = None, **spec: Any) -> dict[str, Any]:
        """Return what a job is answered whose session says this."""
        said = [message("stream", {"name": name, "text": name[3:]}) for name in ("stdout", "stderr")]
        bundle = {"data": {JOB_TYPE: {"outcome": told, "cmpinfo": "c"}}, "metadata": {}, "transient": {}}

        def end(claim: Claim) -> None:
            self._device.store.claims.finish(claim, state, reason, messages=[*said, message("display_data", bundle)])

        answer, self.claim = answered(self._device, lambda: run(self._client, **spec), end)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found


@pytest.fixture
def jobs(client: FlaskClient, device: Device) -> Jobs:
    """What posts jobs and plays the device meanwhile."""
    return Jobs(client, device)


def sentence(answer: TestResponse, status: int) -> str:
    """Return the sentence of an answer with this status: a JSON text, as Jobe's clients read it."""
    assert (answer.status_code, answer.mimetype) == (status, "application/json"), answer.text
    found = answer.get_json()
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize("path", ["/jobe/index.php/restapi/languages", "/jobe/restapi/languages/"])
def test_the_languages_are_those_that_run_now(client: FlaskClient, device: Device, path: str) -> None:
    device.report(languages=("python", "c", "r"), loading=("java",))
    assert client.get(path).get_json() == [["c", "Unknown"], ["python3", "3.11"]]


def test_an_outcome_is_what_the_session_tells_of_its_job(jobs: Jobs) -> None:
    found = jobs.run(11)
    assert found.pop("run_id")
    assert found == {"outcome": 11, "cmpinfo": "c", "stdout": "out", "stderr": "err"}


@pytest.mark.parametrize(
    ("told", "state", "reason", "outcome"),
    [
        (15, "failed", "time_wall", 13), (15, "failed", "time_cpu", 13), (15, "failed", "memory", 17),
        (15, "failed", "output", 12), (15, "failed", "kernel_died", 12), (15, "failed", "protocol", 20),
        (15, "failed", "session_gone", 21), (21, "done", None, 20), ("15", "done", None, 20), ([], "done", None, 20),
    ],
)  # fmt: skip
def test_a_session_that_ends_otherwise_or_lies_has_jobe_s_number_for_it(
    jobs: Jobs, told: object, state: str, reason: str | None, outcome: int
) -> None:
    found = jobs.run(told, state, reason)
    assert (found["outcome"], found["cmpinfo"], found["stdout"]) == (outcome, "", "out")


@pytest.mark.parametrize(
    ("spec", "status", "words"),
    [
        ({"language_id": ...}, 400, "run_spec is missing the required attribute 'language_id'"),
        ({"sourcecode": ...}, 400, "run_spec is missing the required attribute 'sourcecode'"),
        ({"sourcecode": 1}, 400, "'sourcecode'"),
        ({"language_id": "nosuchlanguage"}, 400, "Language 'nosuchlanguage' is not known"),
        ({"language_id": "octave"}, 400, "Language 'octave' is not known"),  # it is not installed
        ({"sourcecode": "a\0"}, 400, "NUL"),
        ({"input": []}, 400, "'input'"),
        ({"sourcefilename": "../a.py"}, 400, "illegal"),
        ({"sourcefilename": "-a.py"}, 400, "illegal"),
        ({"sourcefilename": "a b;c.py"}, 400, "illegal"),
        ({"sourcefilename": 1}, 400, "'sourcefilename'"),
        ({"parameters": "x"}, 400, "parameters"),
        ({"parameters": False}, 400, "parameters"),
        ({"parameters": {"main_class": 0}}, 400, "'main_class'"),
        ({"file_list": False}, 400, "file_list"),
        ({"parameters": {"runargs": "x"}}, 400, "runargs"),
        ({"parameters": {"compileargs": [1]}}, 400, "compileargs"),
        ({"parameters": {"cputime": {}}}, 400, "cputime has to be a number"),
        ({"parameters": {"numprocs": True}}, 400, "numprocs has to be a number"),
        ({"file_list": {"a": 1}}, 400, "file_list"),
        ({"file_list": [["x"]]}, 400, "Invalid file specifier"),
        ({"file_list": [[ID, "a", True, 1]]}, 400, "Invalid file specifier"),
        ({"file_list": [[ID, 1]]}, 400, "Invalid file specifier"),
        ({"file_list": [["../../../../etc", "a"]]}, 400, "Invalid file specifier"),
        ({"file_list": [[ID, "../a"]]}, 400, "Invalid file specifier"),
        ({"file_list": [[ID, ".."]]}, 400, "a name of its own"),
        ({"file_list": [[ID, "a"], [ID, "a"]]}, 400, "one name"),
        ({"file_list": [[ID, "a"]]}, 404, "One or more of the specified files is missing/unavailable"),
    ],
)
def test_a_job_that_is_not_right_is_refused_in_a_sentence(
    client: FlaskClient, spec: dict[str, Any], status: int, words: str
) -> None:
    assert words in sentence(run(client, **spec), status)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"run_spec": []}', b'{"runspec": {}}', b'{"run_spec": "x"}'])
def test_a_body_that_is_no_job_is_refused_in_a_sentence(client: FlaskClient, body: bytes) -> None:
    assert sentence(client.post(f"{JOBE}/runs", data=body), 400)


@pytest.mark.parametrize("field", ["sourcecode", "input"])
@pytest.mark.parametrize(("more", "status"), [(-1, 200), (0, 200), (1, 413)])
def test_a_job_is_bounded_as_a_cell_is(
    client: FlaskClient, jobs: Jobs, settings: Settings, field: str, more: int, status: int
) -> None:
    text = "#" * (settings.code_bytes_max + more)
    if status == 200:
        assert jobs.run(**{field: text})["outcome"] == 15
        return
    assert f"longer than {settings.code_bytes_max} bytes" in sentence(run(client, **{field: text}), status)


@pytest.mark.parametrize(("more", "status"), [(-1, 200), (0, 200), (1, 400)])
def test_the_processor_seconds_of_a_job_are_bounded_by_ours(
    client: FlaskClient, jobs: Jobs, settings: Settings, more: int, status: int
) -> None:
    asked = {"cputime": int(settings.cell_cpu_s) + more, "memorylimit": "64", "numprocs": 10**40, "streamsize": "x"}
    if status == 400:
        expected = f"cputime exceeds maximum allowed on this Jobe server ({settings.cell_cpu_s:.0f} secs)"
        assert sentence(run(client, parameters=asked), 400) == expected
        return
    assert jobs.run(parameters=asked)["outcome"] == 15
    assert jobs.claim is not None
    limits = {"cpu_s": asked["cputime"], "memory_bytes": 64_000_000, "processes": 0, "stream_bytes": 2_000_000}
    for name, value in limits.items():
        assert f'"{name}": {value}' in jobs.claim.code


def test_parameters_that_are_an_empty_list_are_none(jobs: Jobs) -> None:
    assert jobs.run(parameters=[], file_list=None, input=None, sourcefilename=None)["outcome"] == 15


# --- files ------------------------------------------------------------------------------------------------------------
def test_a_file_that_was_put_is_there_for_the_job_that_names_it(
    client: FlaskClient, jobs: Jobs, device: Device
) -> None:
    path = f"/jobe/restapi/files/{ID}"
    assert client.head(path).status_code == 404
    assert (put(client).status_code, put(client).data, client.head(path).status_code) == (204, b"", 204)
    assert jobs.run(file_list=[[ID, "a.txt"], [ID, "b.txt", True]])["outcome"] == 15
    assert jobs.claim is not None and jobs.claim.uploads == ["a.txt", "b.txt"]
    assert [file.read() for _, file in device.store.files.uploads(jobs.claim.id)] == [CONTENT] * 2


def test_nobody_finds_or_replaces_the_file_of_another(client: FlaskClient) -> None:
    one, other = ({"X-Forwarded-For": f"203.0.113.{number}"} for number in (1, 2))
    assert put(client, **one).status_code == 204
    statuses = [client.head(f"{JOBE}/files/{ID}", headers=whose).status_code for whose in (one, other, {})]
    assert statuses == [204, 404, 404]
    put(client, contents=b64encode(b"other").decode(), **other)
    assert sentence(run(client, address="203.0.113.3", file_list=[[ID, "a"]]), 404)


@pytest.mark.parametrize(
    ("id", "status"),
    [("a" * 7, 400), ("a" * 8, 204), ("a" * 64, 204), ("a" * 65, 400), ("a-bcdefgh", 404), ("é" * 9, 404)],
)
def test_the_id_of_a_file_is_letters_and_digits(client: FlaskClient, id: str, status: int) -> None:
    answer = put(client, id)
    assert answer.status_code == status and (status == 204 or sentence(answer, status))
    assert client.head(f"{JOBE}/files/{id}").status_code == status


@pytest.mark.parametrize(
    ("contents", "status"),
    [("", 204), ("YQ==", 204), ("Y Q=\n=", 204), ("YQ", 400), ("YQ=", 400), ("Y!Q=", 400), ("é", 400), (1, 400)],
)
def test_contents_have_to_be_base64(client: FlaskClient, contents: object, status: int) -> None:
    answer = put(client, contents=contents)
    assert answer.status_code == status and (status == 204 or "put: " in sentence(answer, 400))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"x"])
def test_a_file_without_contents_is_refused(client: FlaskClient, body: bytes) -> None:
    assert sentence(client.put(f"{JOBE}/files/{ID}", data=body), 400)


@pytest.mark.parametrize(("more", "status"), [(-1, 204), (0, 204), (1, 413)])
def test_a_file_is_bounded_to_the_byte(client: FlaskClient, settings: Settings, more: int, status: int) -> None:
    content = b"x" * (settings.cell_file_bytes_max + more)
    assert put(client, contents=b64encode(content).decode()).status_code == status


@pytest.mark.parametrize(("count", "status"), [(3, 404), (4, 404), (5, 413)])
def test_a_job_has_as_many_files_as_a_cell(client: FlaskClient, count: int, status: int) -> None:
    assert sentence(run(client, file_list=[[ID, f"f{number}"] for number in range(count)]), status)


@pytest.mark.parametrize(("last_bytes", "status"), [(9, 200), (10, 200), (11, 413)])
def test_the_files_of_a_job_are_bounded_as_an_upload_is(
    client: FlaskClient, jobs: Jobs, settings: Settings, last_bytes: int, status: int
) -> None:
    most_bytes = settings.request_bytes_max
    listed = [[ID, "one"], [ID, "two"], ["second00", "three"], ["last0000", "four"]]  # the first counts twice
    for id, size_bytes in ((ID, 75_000), ("second00", 75_000), ("last0000", most_bytes - 225_010 + last_bytes)):
        assert put(client, id, b64encode(b"x" * size_bytes).decode()).status_code == 204
    if status == 200:
        assert jobs.run(file_list=listed)["outcome"] == 15
    else:
        assert f"{most_bytes} bytes together" in sentence(run(client, file_list=listed), 413)


# --- keys and overload ------------------------------------------------------------------------------------------------
def test_jobe_s_header_carries_our_api_keys(make_app: MakeApp) -> None:
    app = make_app(keys_required=True)
    settings = app.extensions["singlecell"].settings
    app.after_request(described_answers(app, settings))
    client, store = app.test_client(), stores.connect(settings)
    key = store.keys.make(Key("of-moodle", "api"))
    own = {"X-API-KEY": key, "X-Forwarded-For": "203.0.113.9"}
    for wrong in ({}, {"X-API-KEY": "2AAA7A5415B4A9B394B54BF1D2E9D"}, {"X-API-KEY": f"{key}x"}):
        assert "key" in sentence(put(client, **wrong), 403)
        assert "key" in sentence(run_with(client, wrong), 403)
    assert put(client, **own).status_code == 204
    assert client.head(f"{JOBE}/files/{ID}", headers={"X-API-KEY": key}).status_code == 204
    assert run_with(client, own).get_json()["outcome"] == 21  # there is no device
    store.close()


def run_with(client: FlaskClient, headers: dict[str, str]) -> TestResponse:
    """Post a job with these headers."""
    spec = {"language_id": "python3", "sourcecode": "1"}
    return client.post(f"{JOBE}/runs", json={"run_spec": spec}, headers=headers)


@pytest.mark.parametrize(("waiting", "is_overload"), [(3, False), (4, True), (5, True)])
def test_while_as_many_wait_as_can_run_a_job_is_an_overload_at_once(
    client: FlaskClient, device: Device, waiting: int, is_overload: bool
) -> None:
    for _ in range(waiting):
        submit(client)
    answer = run(client, file_list=[[ID, "a"]])  # it is missing, which would be said next
    if not is_overload:
        sentence(answer, 404)
        return
    assert answer.get_json() == {"run_id": "", "outcome": 21, "cmpinfo": "", "stdout": "", "stderr": ""}


def test_a_share_that_is_used_up_is_an_overload_and_a_budget_is_not(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(client_waiting_max=1, page_waiting_max=1)
    context = app.extensions["singlecell"]
    device, client = Device(context.store), app.test_client()
    device.report()
    own = {"X-Forwarded-For": "203.0.113.1"}
    assert client.post("/computations", json={"code": "1"}, headers=own).status_code == 201
    assert run(client, address="203.0.113.1").get_json()["outcome"] == 21

    def overdrawn() -> None:
        raise stores.OverShareError("cpu", "It has used its computing time.", 60)

    monkeypatch.setattr("web.requesters.check_budgets", overdrawn)
    answer = run(client, address="203.0.113.2")
    assert "computing time" in sentence(answer, 429) and answer.headers["Retry-After"] == "60"
