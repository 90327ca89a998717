"""Hints by named pipes: they reach whom they concern, and no listener holds an announcer up."""

from __future__ import annotations

import os
import queue
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import settings as settings_file
import store as stores
from harness.processes import wait_for
from store import pipe_hints
from store.pipe_hints import PipeHints

DEADLINE_S = 20.0
Listen = Callable[..., "queue.Queue[tuple[str, str]]"]


@pytest.fixture(autouse=True)
def listeners_look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits a second for the end of its listeners."""
    monkeypatch.setattr(pipe_hints, "LOOK_S", 0.1)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the pipes of a test are."""
    return tmp_path / "hints"


@pytest.fixture
def pipes(directory: Path) -> PipeHints:
    """The hints of one program."""
    return PipeHints(directory, threading.Event())


@pytest.fixture
def listen(directory: Path) -> Iterator[Listen]:
    """Listen as another program would; return the queue in which the hints arrive."""
    closed = threading.Event()
    threads = []

    def begin(*topics: str) -> queue.Queue[tuple[str, str]]:
        heard: queue.Queue[tuple[str, str]] = queue.Queue()

        def run() -> None:
            for hint in PipeHints(directory, closed).listen(topics):
                heard.put(hint)

        before = len(names(directory))
        threads.append(threading.Thread(target=run))
        threads[-1].start()
        wait_for(lambda: len(names(directory)) > before)
        return heard

    yield begin
    closed.set()
    for thread in threads:
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
    assert names(directory) == []


def names(directory: Path) -> list[str]:
    """Return the names of the pipes that can be written to."""
    return [name for name in os.listdir(directory) if name[0] != "."] if directory.exists() else []


def test_a_program_with_thousands_of_open_files_hears(pipes: PipeHints, listen: Listen) -> None:
    limit, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hardest != resource.RLIM_INFINITY and hardest < 4096:
        pytest.skip(f"this account may have {hardest} files open, too few to try it")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hardest))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        heard = listen("news")
        pipes.announce("news", "1")
        assert heard.get(timeout=DEADLINE_S) == ("news", "1")
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hardest))


def test_every_listener_hears_the_topics_that_it_asked_for_in_order(pipes: PipeHints, listen: Listen) -> None:
    web, device, other = listen("news", "answer"), listen("submitted", "wish"), listen("wish")
    said = [("submitted", "1"), ("news", "2"), ("wish", "3"), ("answer", "4"), ("submitted", "5")]
    for topic, id in said:
        pipes.announce(topic, id)
    assert [web.get(timeout=DEADLINE_S) for _ in range(2)] == [said[1], said[3]]
    assert [device.get(timeout=DEADLINE_S) for _ in range(3)] == [said[0], said[2], said[4]]
    assert other.get(timeout=DEADLINE_S) == said[2] and web.empty() and device.empty() and other.empty()


def test_only_its_account_may_enter_where_the_pipes_are(directory: Path, listen: Listen) -> None:
    listen("news")
    assert directory.stat().st_mode & 0o777 == 0o700


def test_nobody_listens(pipes: PipeHints, directory: Path) -> None:
    pipes.announce("news", "1")
    assert not directory.exists()


def test_the_pipe_of_a_killed_listener_is_deleted(pipes: PipeHints, directory: Path, listen: Listen) -> None:
    heard = listen("news")
    os.mkfifo(directory / "news.killed")
    pipes.announce("news", "1")
    assert heard.get(timeout=DEADLINE_S) == ("news", "1") and len(names(directory)) == 1


def test_a_listener_that_does_not_read_holds_nobody_up(pipes: PipeHints, directory: Path) -> None:
    with closing(pipes.listen(["news"])) as listening:
        threading.Timer(0.0, lambda: wait_for(lambda: names(directory)) and pipes.announce("news", "first")).start()
        assert next(listening) == ("news", "first")
        for number in range(10_000):
            pipes.announce("news", f"{number:036}")
        later = [next(listening)[1] for _ in range(1000)]
    assert later == [f"{number:036}" for number in range(1000)]


def test_a_listener_whose_pipe_was_taken_away_makes_another(pipes: PipeHints, directory: Path, listen: Listen) -> None:
    heard = listen("news")
    (first,) = names(directory)
    (directory / first).unlink()
    wait_for(lambda: names(directory))
    pipes.announce("news", "1")
    assert heard.get(timeout=DEADLINE_S) == ("news", "1")


def test_beside_the_embedded_mongodb_hints_need_no_mongodb(tmp_path: Path) -> None:
    doors = [stores.connect(settings_file.load(data_directory=str(tmp_path))) for _ in range(2)]
    (tmp_path / "mongo").mkdir()
    heard: queue.Queue[tuple[str, str]] = queue.Queue()
    thread = threading.Thread(target=lambda: [heard.put(hint) for hint in doors[0].hints.listen(["news"])])
    thread.start()
    wait_for(lambda: names(tmp_path / "mongo" / "hints"))
    doors[1].hints.announce("news", "1")
    assert heard.get(timeout=DEADLINE_S) == ("news", "1")
    for door in doors:
        door.close()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()
