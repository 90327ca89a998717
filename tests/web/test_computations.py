"""Submitting, looking at, stopping and answering computations."""

from __future__ import annotations

import threading
import uuid

import pytest
from flask.testing import FlaskClient

from harness.processes import wait_for
from tests import threads
from tests.web.conftest import Device, MakeApp, check_problem, submit, texts


def test_a_submitted_computation_is_queued_and_has_links(client: FlaskClient) -> None:
    response = client.post("/computations", json={"code": "print(1)"})
    assert response.status_code == 201
    computation = response.get_json()
    assert set(computation) == {"id", "session", "language", "state", "sequence", "links"}
    assert computation["state"] == "queued"
    assert computation["language"] == "python"
    assert computation["sequence"] == -1
    assert len(computation["id"]) == len(computation["session"]) == 36
    assert response.headers["Location"] == computation["links"]["self"]
    assert set(computation["links"]) == {"self", "messages", "files", "interrupt", "input"}
    assert client.get(computation["links"]["self"]).status_code == 200


def test_links_begin_with_the_public_url(make_app: MakeApp) -> None:
    app = make_app(public_url="https://cells.example/run/")
    computation = submit(app.test_client())
    assert computation["links"]["self"] == f"https://cells.example/run/computations/{computation['id']}"


def test_a_body_of_type_text_plain_is_taken_as_json(client: FlaskClient) -> None:
    response = client.post("/computations", data='{"code": "1"}', content_type="text/plain;charset=UTF-8")
    assert response.status_code == 201


def test_the_queue_positions_count_from_the_next_one(client: FlaskClient) -> None:
    positions = [client.get(f"/computations/{submit(client)['id']}").get_json()["queue_position"] for _ in range(3)]
    assert positions == [1, 2, 3]


def test_a_finished_computation_says_when_and_what_it_used(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    claim = device.claim()
    running = client.get(f"/computations/{id}").get_json()
    assert running["state"] == "running" and running["attempt"] == 1 and "queue_position" not in running
    usage = {"wall_s": 0.5, "cpu_s": 0.25, "memory_bytes": 1000}
    device.store.claims.finish(claim, "failed", "time_wall", usage)
    ended = client.get(f"/computations/{id}").get_json()
    assert ended["state"] == "failed" and ended["reason"] == "time_wall" and ended["usage"] == usage
    assert ended["submitted"] <= ended["started"] <= ended["finished"]
    assert ended["finished"].endswith("Z")


def test_wait_answers_with_everything_when_the_computation_is_over(client: FlaskClient, device: Device) -> None:
    runner = threading.Thread(target=lambda: run_when_queued(device, "a", "b"))
    runner.start()
    answer = client.post("/computations?wait=30", json={"code": "1"}).get_json()
    threads.join([runner])
    assert texts(answer["messages"]) == ["a", "b"]
    assert answer["state"] == "done" and answer["finished"] is True and answer["sequence"] == 1


def test_wait_answers_with_what_there_is_when_the_time_is_over(client: FlaskClient) -> None:
    answer = client.post("/computations?wait=0.01", json={"code": "1"}).get_json()
    assert answer["messages"] == [] and answer["state"] == "queued" and answer["finished"] is False


def test_wait_answers_when_the_code_asks_for_input(client: FlaskClient, device: Device) -> None:
    def ask() -> None:
        claim = wait_for(lambda: try_claim(device))
        device.ask(claim)

    asker = threading.Thread(target=ask)
    asker.start()
    answer = client.post("/computations?wait=30", json={"code": "input('?')"}).get_json()
    threads.join([asker])
    assert [found["header"]["msg_type"] for found in answer["messages"]] == ["input_request"]


def test_a_full_queue_is_503_with_retry_after_and_stores_nothing(make_app: MakeApp) -> None:
    client = make_app(queue_length_max=2).test_client()
    submit(client), submit(client)
    response = client.post("/computations", json={"code": "1"})
    check_problem(response, 503, "waiting")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(("extra", "status"), [(-1, 201), (0, 201), (1, 413)])
def test_the_limit_of_the_code_counts_bytes_of_utf_8(client: FlaskClient, extra: int, status: int) -> None:
    code = "é" * 499 + "#" * (2 + extra)  # 1000 bytes are allowed
    response = client.post("/computations", json={"code": code})
    assert response.status_code == status
    if status == 413:
        check_problem(response, 413, "`code`")


def test_a_session_runs_further_computations(client: FlaskClient, device: Device) -> None:
    first = submit(client, keep=True)
    device.run()
    second = submit(client, session=first["session"], keep=True)
    assert second["session"] == first["session"]


def test_an_unknown_session_is_404(client: FlaskClient) -> None:
    for session in (str(uuid.uuid4()), "x", ""):
        check_problem(client.post("/computations", json={"code": "1", "session": session}), 404, "session")


def test_a_session_that_is_gone_is_410(client: FlaskClient, device: Device) -> None:
    session = submit(client)["session"]
    device.run()
    device.store.sessions.end(session, "session_gone")
    check_problem(client.post("/computations", json={"code": "1", "session": session}), 410, "ended")


def test_a_session_keeps_its_language(client: FlaskClient) -> None:
    session = submit(client, keep=True)["session"]
    response = client.post("/computations", json={"code": "1", "session": session, "language": "r"})
    check_problem(response, 422, "python")


def test_a_comm_message_goes_to_its_session(client: FlaskClient, device: Device) -> None:
    session = submit(client, keep=True)["session"]
    device.run()
    device.sessions.append(session)
    comm = {"msg_type": "comm_msg", "content": {"comm_id": "é", "$x.y\0": {"x": 10**30}}, "buffers": ["AAEC"]}
    response = client.post("/computations", json={"session": session, "message": comm, "keep": True})
    assert response.status_code == 201, response.text
    message = device.claim().message
    assert message is not None and message["msg_type"] == "comm_msg"
    assert message["content"] == comm["content"] and message["metadata"] == {}
    assert message["buffers"] == [b"\x00\x01\x02"]


def test_deleting_a_queued_computation_cancels_it(client: FlaskClient) -> None:
    id = submit(client)["id"]
    response = client.delete(f"/computations/{id}")
    assert response.status_code == 202 and response.get_json() == {"id": id, "state": "cancelled"}
    check_problem(client.delete(f"/computations/{id}"), 409, "over")


def test_the_device_hears_of_interrupts_and_deletions(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    claim = device.claim()
    assert client.post(f"/computations/{id}/interrupt").status_code == 202
    assert client.delete(f"/computations/{id}").status_code == 202
    [wish] = device.store.claims.renew([claim])
    assert wish.interrupt == 1 and wish.cancel


def test_interrupt_and_delete_of_a_finished_computation_are_409(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    device.run()
    check_problem(client.post(f"/computations/{id}/interrupt"), 409, "over")
    check_problem(client.delete(f"/computations/{id}"), 409, "over")
    check_problem(client.post(f"/computations/{id}/input", json={"value": ""}), 409)


def test_an_input_request_takes_one_reply(client: FlaskClient, device: Device) -> None:
    id = submit(client)["id"]
    claim = device.claim()
    check_problem(client.post(f"/computations/{id}/input", json={"value": "early"}), 409, "asks")
    device.ask(claim)
    assert client.post(f"/computations/{id}/input", json={"value": "42"}).status_code == 202
    check_problem(client.post(f"/computations/{id}/input", json={"value": "43"}), 409, "asks")
    [wish] = device.store.claims.renew([claim])
    assert list(wish.answers) == ["42"]


def try_claim(device: Device):
    """Return a claim, None when nothing is queued."""
    return device.store.claims.claim(
        "device-1", languages=["python"], sessions=device.sessions, new_sessions=True
    )


def run_when_queued(device: Device, *said: str) -> None:
    """Run the next computation as soon as there is one."""
    device.finish(wait_for(lambda: try_claim(device)), *said)
