"""Hints: they arrive, and listening goes on whatever happens to MongoDB."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store import Store, embedded
from tests.mongod import ROOT, run_mongod
from tests.store.conftest import Connect, claim, database_of, message, submit

DEADLINE_S = 20.0
Listen = Callable[..., "queue.Queue[tuple[str, str]]"]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Listen in a thread of its own; return the queue in which the hints arrive."""
    stop = threading.Event()
    listeners = []

    def begin(store: Store, *topics: str) -> queue.Queue[tuple[str, str]]:
        heard: queue.Queue[tuple[str, str]] = queue.Queue()

        def run() -> None:
            for hint in store.hints.listen(topics, stop):
                heard.put(hint)

        thread = threading.Thread(target=run)
        listeners.append((store, topics[0], thread))
        thread.start()
        hear(store, heard, topics[0])
        return heard

    yield begin
    stop.set()
    for store, topic, thread in listeners:
        store.hints.announce(topic, "so that the listener sees that it should stop")
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


def hear(store: Store, heard: queue.Queue[tuple[str, str]], topic: str) -> None:
    """Announce until it is heard: until the listener listens again."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        store.hints.announce(topic, "probe")
        try:
            heard.get(timeout=0.1)
        except queue.Empty:
            continue
        # More probes may be on their way; the last one is known.
        store.hints.announce(topic, "last probe")
        while heard.get(timeout=DEADLINE_S) != (topic, "last probe"):
            pass
        return
    raise AssertionError("no hint was heard")


def test_what_happens_is_announced(connect: Connect, listen: Listen) -> None:
    store = connect()
    heard = listen(connect(), "submitted", "turn", "wish", "news", "question", "answer")
    id = submit(store, keep=True)
    assert heard.get(timeout=DEADLINE_S) == ("submitted", id)
    held = claim(store)
    store.claims.append(held, [message("x")])
    assert heard.get(timeout=DEADLINE_S) == ("news", id)
    store.computations.request_interrupt(id)
    assert heard.get(timeout=DEADLINE_S) == ("wish", id)
    store.claims.finish(held, "done")
    assert heard.get(timeout=DEADLINE_S) == ("news", id)
    submit(store, session=held.session)
    assert heard.get(timeout=DEADLINE_S) == ("turn", held.session)
    introspection = store.introspections.put(None, "python", "complete", "", 0)
    assert heard.get(timeout=DEADLINE_S) == ("question", introspection)
    taken = store.introspections.claim("device-1", [])
    assert taken
    store.introspections.reply(taken, "ok")
    assert heard.get(timeout=DEADLINE_S) == ("answer", introspection)


def test_only_the_topics_that_were_asked_for_arrive(store: Store, listen: Listen) -> None:
    heard = listen(store, "news")
    store.hints.announce("wish", "1")
    store.hints.announce("news", "2")
    assert heard.get(timeout=DEADLINE_S) == ("news", "2")


def test_more_hints_than_the_collection_holds_do_not_end_listening(store: Store, listen: Listen) -> None:
    heard = listen(store, "news")
    for _ in range(1_500):
        store.hints.announce("other", "x" * 1000)
    hear(store, heard, "news")


def test_listening_survives_that_the_collection_is_dropped(store: Store, listen: Listen) -> None:
    heard = listen(store, "news")
    database_of(store).collection("hints").drop()
    # An announcement makes an ordinary collection of it, on which nobody can listen.
    store.hints.announce("news", "1")
    hear(store, heard, "news")
    assert database_of(store).collection("hints").options().get("capped")


def test_listening_survives_a_restart_of_mongodb(tmp_path: Path, connect: Connect, listen: Listen) -> None:
    with run_mongod(tmp_path):
        store = connect(tmp_path, mongo_timeout_s=0.5)
        heard = listen(store, "news")
    with run_mongod(tmp_path):
        hear(store, heard, "news")


def test_listening_ends_with_the_store(connect: Connect) -> None:
    store = connect()
    store.ping()
    thread = threading.Thread(target=lambda: list(store.hints.listen(["news"])))
    thread.start()
    store.close()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_listening_works_beside_other_greenlets_under_gevent(mongo_directory: Path) -> None:
    pytest.importorskip("gevent")
    program = """
        import gevent.monkey; gevent.monkey.patch_all()
        import sys, threading, uuid
        import settings, store
        door = store.connect(settings.load(mongo_uri=sys.argv[1], mongo_database="test_" + uuid.uuid4().hex[:8]))
        heard = threading.Event()
        def listen():
            for hint in door.hints.listen(["news"]):
                heard.set()
        threading.Thread(target=listen, daemon=True).start()
        while not heard.wait(0.05):
            door.hints.announce("news", "x")
            door.ping()
        door.close()
        print("heard")
    """
    code = "\n".join(line[8:] for line in program.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", code, embedded.uri(mongo_directory)],
        cwd=ROOT, timeout=60, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "heard\n", done.stderr
