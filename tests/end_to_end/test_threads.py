"""What threads say after the end of their cell is shown, with it or with the next, or a sentence says it was cut."""

from __future__ import annotations

import time

LATE = "import threading, time\ndef late():\n    time.sleep({0})\n    print('late')\n"
GRACE_S = 0.5  # in a session that goes on: untrusted/kernel/lingering.py
CUT = "what it says after that is not shown"


STARTS = {
    "thread": "threading.Thread(target=late).start()",
    "daemon": "threading.Thread(target=late, daemon=True).start()",
    "timer": "threading.Timer(0.1, late).start()",
    "thread of a thread": "threading.Thread(target=lambda: threading.Thread(target=late).start()).start()",
    "executor": "from concurrent.futures import ThreadPoolExecutor as Pool\nPool(1).submit(late)",
    "map": (
        "from concurrent.futures import ThreadPoolExecutor as Pool\npool = Pool(1)\n"
        "pool.map(lambda _: late(), 'a')"
    ),
    "pool": "from multiprocessing.pool import ThreadPool\npool = ThreadPool(1)\npool.apply_async(late)",
}


def test_what_a_thread_says_soon_after_the_end_belongs_to_the_cell(client):
    ids = {name: client.submit(LATE.format(0.8) + start + "\nprint('end')")["id"] for name, start in STARTS.items()}
    for name, id in ids.items():
        outcome = client.finish(id)
        said = outcome.state, outcome.text(), outcome.text("stderr")
        assert said == ("done", "end\nlate\n", ""), name


def test_a_sentence_says_that_a_thread_was_cut_and_one_says_so_of_several(client):
    start = "threading.Thread(target=late).start()"
    one = client.submit(f"{LATE.format(60)}{start}\nprint('end')")["id"]
    several = client.submit(f"{LATE.format(60)}for _ in range(3): {start}\n1 / 0")["id"]
    outcome = client.finish(one)
    assert (outcome.state, outcome.text()) == ("done", "end\n")
    assert outcome.text("stderr").count(CUT) == 1
    outcome = client.finish(several)
    assert outcome.error["ename"] == "ZeroDivisionError"
    assert outcome.text("stderr").startswith("3 threads still ran")
    assert len(outcome.text("stderr").splitlines()) == 1


def test_threads_of_libraries_that_wait_for_ever_keep_nobody_waiting(client):
    code = "from concurrent.futures import ThreadPoolExecutor, ProcessPoolExecutor\nimport multiprocessing as m\n"
    code += "a = ThreadPoolExecutor(2); print(list(a.map(str, [1, 2])))\n"
    code += "b = m.pool.ThreadPool(2); print(b.map(str, [3]))\n"
    code += "c = ProcessPoolExecutor(1); print(c.submit(str, 4).result())\nq = m.Queue(); q.put(1); print(q.get())"
    outcome = client.run("import multiprocessing.pool\n" + code)
    assert (outcome.state, outcome.text("stderr")) == ("done", "")
    assert outcome.text() == "['1', '2']\n['3']\n4\n1\n"


def test_in_a_session_that_goes_on_the_next_cell_shows_it(client):
    code = LATE.format(1.5) + "threading.Thread(target=late).start()\nprint('end')"
    session = client.run(code, keep=True).description["session"]
    wait = "for each in threading.enumerate():\n    if type(each) is threading.Thread and not each.daemon:\n"
    wait += "        each.join()\n"
    outcome = client.run(wait + "print('next')", session=session)
    assert sorted(outcome.text().split()) == ["late", "next"]


def test_a_thread_of_an_earlier_cell_keeps_no_later_one_waiting(client):
    quickest_s = {}
    for start in ("", "threading.Thread(target=late).start()"):
        session = client.run(LATE.format(25) + start, keep=True).description["session"]
        seconds = []
        for _ in range(5):
            began = time.monotonic()
            assert client.run("1 + 1", session=session, keep=True).result == "2"
            seconds.append(time.monotonic() - began)
        quickest_s[bool(start)] = min(seconds)
        client.end_session(session)
    assert quickest_s[True] < quickest_s[False] + GRACE_S / 2


def test_a_cell_that_is_stopped_waits_for_no_thread(client):
    code = LATE.format(60) + "threading.Thread(target=late).start()\nprint('on', flush=True)"
    computation = client.submit(code)["id"]
    client.until_printed(computation)
    client.interrupt(computation)
    outcome = client.finish(computation)
    assert outcome.state == "done" and CUT in outcome.text("stderr")


def test_code_that_was_stopped_and_caught_it_waits_for_no_thread(client):
    code = LATE.format(60) + "threading.Thread(target=late).start()\ntry:\n    print('on', flush=True)\n"
    code += "    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('stopped')"
    computation = client.submit(code)["id"]
    client.until_printed(computation)
    client.interrupt(computation)
    outcome = client.finish(computation)
    assert (outcome.state, outcome.text()) == ("done", "on\nstopped\n") and CUT in outcome.text("stderr")


def test_a_thread_does_not_make_a_cell_fail_that_has_little_time_left(brief):
    outcome = brief.run(LATE.format(60) + "threading.Thread(target=late).start()\nprint('end')")
    assert (outcome.state, outcome.text()) == ("done", "end\n")
    assert CUT in outcome.text("stderr")
