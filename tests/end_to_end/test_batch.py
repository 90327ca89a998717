"""A table of tasks runs with one command, each task once, however often and by however many it is run."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.processes import tied, wait_for
from singlecell_client.__main__ import main
from singlecell_client.results import NAMES

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 90
# What runs says so in a name that no second run could make anew.
ONCE = "import time, uuid\ntime.sleep(0.2)\nprint(uuid.uuid4())"


@pytest.fixture
def tasks(tmp_path) -> Path:
    """A table of 12 tasks that say another thing each time that they run."""
    path = tmp_path / "tasks.csv"
    write(path, [{"item": f"{n}-VC", "task": "count", "code": f"# {tmp_path}\n{ONCE}"} for n in range(12)])
    return path


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, sorted({name for row in rows for name in row}))
        table.writeheader()
        table.writerows(rows)


def read(path: Path) -> dict[str, dict[str, str]]:
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        rows = list(csv.DictReader(path.open(newline="")))
    assert all(tuple(row) == NAMES for row in rows)
    return {row["item"]: row for row in rows}


def start(server, path: Path, *options: str) -> subprocess.Popen:
    argv = [sys.executable, "-m", "singlecell_client", "batch", str(path), "--server", server.url, *options]
    return subprocess.Popen(tied(argv), cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen) -> tuple[int, str]:
    out, err = process.communicate(timeout=DEADLINE_S)
    assert out == "" and "Traceback (most" not in err
    return process.returncode, err


def test_several_on_one_table_share_it_and_no_task_runs_twice(server, tasks):
    into = [tasks.with_name(f"{n}.{kind}") for n, kind in enumerate(["csv", "jsonl", "csv"])]
    running = [start(server, tasks, "--into", str(path), "--at-once", "2") for path in into]
    ended = [said(process) for process in running]
    assert [code for code, _ in ended] == [0, 0, 0], ended
    first, *others = [read(path) for path in into]
    assert len(first) == len({row["log"] for row in first.values()}) == 12
    assert all({item: row["log"] for item, row in other.items()} == logs(first) for other in others)
    # Of three that meet at a task, two meet a conflict.
    assert sum(int(re.search(r"(\d+) conflicts", err)[1]) for _, err in ended) == 24
    for row in first.values():
        assert row["state"] == "done" and row["task"] == "count" and row["locked"] < row["done"]
        assert len(row["lock_id"]) == 32 and row["ran_by"] and int(row["log_length"]) == len(row["log"]) == 37


def logs(rows: dict[str, dict[str, str]]) -> dict[str, str]:
    return {item: row["log"] for item, row in rows.items()}


def test_after_an_interrupt_what_has_finished_does_not_run_again(server, tasks):
    into = tasks.with_name("tasks.results.csv")
    process = start(server, tasks, "--at-once", "2")
    wait_for(lambda: into.exists() and len(into.read_text().splitlines()) >= 4)
    process.send_signal(signal.SIGINT)
    code, err = said(process)
    assert code == 130 and "run it again" in err
    with into.open("a") as file:
        file.write('half,"a row')  # as a kill leaves it
    before = read_whole(into)
    assert 2 <= len(before) < 12
    assert said(start(server, tasks))[0] == 0
    after = logs(read(into))
    assert len(after) == 12 and {item: after[item] for item in before} == before
    into.unlink()
    assert said(start(server, tasks))[0] == 0
    assert logs(read(into)) == after, "the server knows what has run although the results are gone"
    assert said(start(server, tasks, "--name", "anew"))[0] == 0
    assert not set(logs(read(into)).values()) & set(after.values())


def read_whole(path: Path) -> dict[str, str]:
    return {row["item"]: row["log"] for row in csv.DictReader(path.open(newline="")) if row["log_length"]}


@pytest.fixture
def run(server, tmp_path, capsys):
    def run(rows: list[dict[str, str]], *options: str) -> tuple[int, str]:
        write(tmp_path / "t.csv", rows)
        code = main(["batch", str(tmp_path / "t.csv"), "--server", server.url, *options])
        return code, capsys.readouterr().err

    return run


def test_scripts_and_input_files_go_along_and_errors_are_in_the_log(run, tmp_path):
    (tmp_path / "add.py").write_text("sum(map(int, open('a.txt').read().split() + open('b.txt').read().split()))")
    (tmp_path / "a.txt").write_text("1 2"), (tmp_path / "b.txt").write_text("3")
    rows = [{"item": "sum", "script": "add.py", "files": "a.txt; b.txt"}, {"item": "bad", "code": "print('x')\n1 / 0"}]
    assert run(rows)[0] == 1
    found = read(tmp_path / "t.results.csv")
    assert found["sum"]["log"] == "6\n" and found["bad"]["state"] == "raised"
    assert found["bad"]["log"].startswith("x\n") and "ZeroDivisionError" in found["bad"]["log"]
    (tmp_path / "b.txt").write_text("4")
    assert run(rows)[0] == 1
    assert read(tmp_path / "t.results.csv")["sum"]["log"] == "7\n", "with another input it is another task"
    assert run([{"item": "dead", "code": "import os; os._exit(1)"}])[0] == 3
    code, err = run([{"item": "cobol", "code": "1", "language": "cobol"}])
    assert code == 4 and "1 refused" in err and "cobol" in read(tmp_path / "t.results.csv")["cobol"]["log"]


FAULTS = {
    "both code and a script": ({"item": "a", "code": "1", "script": "s.py"}, "either code or a script"),
    "neither": ({"item": "a", "code": ""}, "either code or a script"),
    "no item": ({"item": " ", "code": "1"}, "no name"),
    "another column": ({"item": "a", "code": "1", "colour": "red"}, "colour"),
    "a script that is not there": ({"item": "a", "script": "none.py"}, "none.py cannot be read: No such file"),
    "a file that is not there": ({"item": "a", "code": "1", "files": "none.txt"}, "none.txt cannot be read"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_wrong_table_is_exit_code_2_and_runs_nothing(run, tmp_path, what):
    row, sentence = FAULTS[what]
    code, err = run([{"item": "first", "code": "1"}, row])
    assert code == 2 and sentence in err and not (tmp_path / "t.results.csv").exists()


def test_a_task_that_stands_twice_is_named_with_its_lines(run, tmp_path):
    code, err = run([{"item": "a", "code": "1"}, {"item": "a", "code": "2"}])
    assert code == 2 and "t.csv:3: item 'a'" in err and "line 2 already" in err
    (tmp_path / "r.csv").write_text("mine\n")
    code, err = run([{"item": "a", "code": "1"}], "--into", str(tmp_path / "r.csv"))
    assert code == 2 and "no table of results" in err and (tmp_path / "r.csv").read_text() == "mine\n"


TASK = '{"item": "a", "code": "1"}\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [("other.csv", "a,b\n1,2\n"), ("tasks.jsonl", TASK), ("other.jsonl", "words\n"), ("list.jsonl", "[1]\n")],
)
def test_a_file_that_holds_no_results_is_never_written_over(server, tmp_path, capsys, name, text):
    """Not even the table itself, when it is named for the results."""
    (tmp_path / "tasks.jsonl").write_text(TASK)
    (tmp_path / name).write_text(text)
    argv = ["batch", str(tmp_path / "tasks.jsonl"), "--server", server.url, "--into", str(tmp_path / name)]
    assert main(argv) == 2
    assert f"{name} is there, and is no table of results\n" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == text


@pytest.mark.parametrize("half", ['{"it', '{"item": "b", "task'])
def test_half_a_row_of_json_that_a_kill_left_is_passed_over(server, tmp_path, half):
    (tmp_path / "tasks.jsonl").write_text(TASK)
    into = tmp_path / "r.jsonl"
    argv = ["batch", str(tmp_path / "tasks.jsonl"), "--server", server.url, "--into", str(into)]
    assert main(argv) == 0
    before = into.read_text()
    into.write_text(before + half)
    assert main(argv) == 0 and into.read_text() == before


def test_results_that_cannot_be_written_are_named_as_they_were(run, tmp_path):
    for into, why in ((tmp_path, "Is a directory"), (tmp_path / "none" / "r.csv", "No such file or directory")):
        assert run([{"item": "a", "code": "1"}], "--into", str(into)) == (2, f"{into} cannot be written: {why}\n")


@pytest.mark.parametrize("command", ["run", "batch", "publish"])
def test_a_wrong_address_is_told_with_the_usage_of_its_command(capsys, command):
    with pytest.raises(SystemExit) as end:
        main([command, "file", "--server", "nonsense"])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"usage: python -m singlecell_client {command} ")


@pytest.mark.parametrize(("number", "right"), [("0", False), ("1", True), ("200", True), ("201", False)])
def test_from_1_to_200_tasks_are_under_way_at_once(run, number, right):
    try:
        code, _err = run([{"item": "a", "code": "1"}], "--at-once", number)
    except SystemExit as end:
        code = end.code
    assert code == (0 if right else 2)


def test_a_server_that_is_not_there_is_exit_code_4_at_once(tasks, capsys):
    assert main(["batch", str(tasks), "--server", "http://127.0.0.1:1"]) == 4
    assert "does not answer" in capsys.readouterr().err


def test_on_a_terminal_a_bar_moves(server, tasks):
    ours, theirs = os.openpty()
    argv = [sys.executable, "-m", "singlecell_client", "batch", str(tasks), "--server", server.url]
    with subprocess.Popen(argv, cwd=ROOT, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 4096):
                shown += data
        except OSError:
            pass  # the terminal's other end is closed
        assert process.wait(DEADLINE_S) == 0
    os.close(ours)
    assert re.search("█.*/12, .*/s", shown.decode()) and "12 tasks: 12 done" in shown.decode()
