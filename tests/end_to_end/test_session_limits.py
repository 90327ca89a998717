"""Sessions and input requests have limits; here they are short, and there are two workers."""

from __future__ import annotations

import time

from harness.processes import wait_for

DEADLINE_S = 40.0


def state_of(client, session: str) -> dict:
    return client.http.get(f"{client.url}/sessions/{session}", timeout=30).json()


def until_gone(client, session: str) -> dict:
    return wait_for(
        lambda: described if (described := state_of(client, session))["state"] == "gone" else None, DEADLINE_S
    )


def status_of_a_turn(client, session: str) -> int:
    """Return how the server answers to another computation in a session."""
    body = {"code": "x", "session": session, "keep": True}
    return client.http.post(f"{client.url}/computations", json=body, timeout=30).status_code


def test_an_idle_session_ends_and_says_so(brief):
    session = brief.run("x = 1", keep=True).description["session"]
    assert until_gone(brief, session)["reason"] == "session_gone"
    assert status_of_a_turn(brief, session) == 410


def test_a_session_in_use_outlives_its_idle_limit_and_ends_at_its_life_limit(brief):
    begun = time.monotonic()
    session = brief.run("x = 1", keep=True).description["session"]
    while time.monotonic() - begun < 3:
        outcome = brief.run("import time; time.sleep(0.2 * x)", session=session, keep=True)
        assert outcome.state == "done", outcome.description
    wait_for(lambda: status_of_a_turn(brief, session) != 201, DEADLINE_S)
    assert until_gone(brief, session)["reason"] == "session_gone"


def test_idle_sessions_do_not_starve_the_pool_the_longest_idle_gives_way(brief):
    first, second = (brief.run(f"x = {n}", keep=True).description["session"] for n in (1, 2))
    assert brief.run("'third'").result == "'third'"
    states = [state_of(brief, session)["state"] for session in (first, second)]
    assert states[0] == "gone", states


def test_waiting_for_an_answer_does_not_count_as_running(brief):
    computation = brief.submit("input()\nprint('on')")["id"]
    brief.until_asked(computation)
    time.sleep(1.7)  # longer than a cell may run
    brief.answer(computation, "")
    outcome = brief.finish(computation)
    assert (outcome.state, outcome.text()) == ("done", "on\n")
    assert outcome.description["usage"]["wall_s"] < 1.5


def test_waiting_for_an_answer_has_a_limit_of_its_own(brief):
    outcome = brief.run("input()")
    assert (outcome.state, outcome.reason) == ("failed", "time_wall")
    assert "not answered within 3 seconds" in outcome.of_type("error")[-1]["evalue"]


def test_a_cell_that_is_answered_again_and_again_ends_at_its_total_time(brief):
    computation = brief.submit("while True: input()")["id"]
    questions = 0
    while brief.get(computation)["state"] not in ("done", "failed"):
        answered = brief.answer(computation, "")
        questions += answered.status_code == 202
        time.sleep(0.2)
    outcome = brief.finish(computation)
    assert (outcome.state, outcome.reason) == ("failed", "time_wall")
    assert "longer than 6 seconds" in outcome.of_type("error")[-1]["evalue"]
    assert questions > 1


def test_cells_beyond_the_workers_wait_in_order_and_know_their_place(brief):
    def positions() -> list[int | None]:
        """Return the places of three cells, as they were told, behind two that hold the workers for a while."""
        holding = [brief.submit("import time\ntime.sleep(1000)")["id"] for _ in range(2)]
        waiting = [brief.submit(f"print({n})")["id"] for n in range(3)]
        wait_for(lambda: all(brief.get(computation)["state"] != "queued" for computation in holding))
        found = [brief.get(computation).get("queue_position") for computation in waiting]
        for computation in holding:
            brief.cancel(computation)
        assert [brief.finish(computation).text() for computation in waiting] == ["0\n", "1\n", "2\n"]
        return found

    # On a busy machine the first may have come to their limit of time before all were asked for.
    found = wait_for(lambda: None if None in (told := positions()) else told)
    assert found == sorted(found) and len(set(found)) == 3
