"""``make run`` prints one line, ends in order, and says in one sentence why it cannot start."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import requests

import settings
from harness.processes import Process, all_end, start
from harness.server import ROOT, START_S
from host.__main__ import overrides
from host.errors import EXIT_DATA, EXIT_DATA_IN_USE, EXIT_PORT, EXIT_SETTINGS, HostError
from host.readiness import STEPS
from tests.client import Client
from tests.conftest import SECRET
from tests.host.terminal import COLUMNS, on_terminal

END_S = 5.0  # what make run promises
SPARE_S = 55.0  # for make itself, on a busy machine
REFUSAL_S = 60.0
BACK_S = 60.0  # on a busy machine


def running(site):
    return start(site.argv, ready=f"^ready {site.url}$", deadline_s=START_S, env=site.env, cwd=ROOT)


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def is_alive(pid):
    return bool(command(pid))


def refusal(site, **changes):
    """Return exit code and standard error of a start that must not succeed."""
    process = Process(site.argv, {**site.env, **changes}, ROOT)
    try:
        code = process.wait(REFUSAL_S)
        assert process.output == ""
        return code, process.log
    finally:
        process.stop()


def test_standard_output_is_one_line(server):
    assert server.process.output == f"ready {server.url}\n"


def test_ready_means_that_a_cell_runs(server):
    assert Client(server.url).run("6*7").result == "42"


def test_ctrl_c_ends_everything_and_a_second_start_remembers(own_site):
    """The first start tells its steps; the second is in a terminal, and has a bar there."""
    make = ["make", "--no-print-directory", "-C", str(ROOT), "run"]
    with start(make, ready=f"^ready {own_site.url}$", deadline_s=START_S, env=own_site.env) as process:
        check_steps(own_site, process.log)
        computation = Client(own_site.url).run("print('remember me')").description["id"]
        below = process.descendants()
        groups = find_groups(own_site)
        process.signal_group(signal.SIGINT)
        process.wait(END_S + SPARE_S)
        assert not [command(pid) for pid in below if is_alive(pid)]
        assert not [group for group in groups if group.exists()]
        assert not [path for path in own_site.data.rglob("*.sock") if path.is_socket()]  # a link leads nowhere
        assert not any(str(own_site.data) in line for line in Path("/proc/self/mounts").read_text().splitlines())
        assert process.output == f"ready {own_site.url}\n"
    remembered = []
    screen = on_terminal(
        own_site.argv, own_site.env, until=f"ready {own_site.url}",
        then=lambda: remembered.append(Client(own_site.url).finish(computation).text()),
    )  # fmt: skip
    assert remembered == ["remember me\n"]
    check_bar(screen)


def check_steps(site, log):
    """Fail unless a start was a line for each step, and named the log of the rest."""
    said = log.splitlines()
    assert all(line.startswith("singlecell: ") for line in said), log
    steps = [found[1] for line in said if (found := re.fullmatch(r"singlecell: (.*?) +\d+\.\d s", line))]
    assert steps == list(STEPS)
    (rest,) = [line.rpartition(" ")[2] for line in said if line.endswith(f"{site.data}/logs/server.log")]
    assert "*** Starting uWSGI" in Path(rest).read_text()


def check_bar(screen):
    """Fail unless a start in a terminal had a moving bar that went away."""
    bars = re.findall(r"\r\x1b\[Ksinglecell: [^\r\n]*\[( *#####) *\] +\d+ s", screen)
    assert len({len(bar) for bar in bars}) > 3, screen
    lines = [line.rpartition("\r\x1b[K")[2] for line in screen.split("\r\n")]
    assert not [line for line in lines if "#####" in line], screen
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in lines[:-1] if "logs" not in line) < COLUMNS


def find_groups(site):
    """Return the control groups that a server uses."""
    named = settings.load(site.data / "singlecell_config.py").cgroup_directory
    return [Path(part.rpartition("=")[2]) for part in named.split(",") if part]


def cell_runs(site):
    with suppress(requests.RequestException):
        body = {"code": "1+1", "language": "python"}
        answer = requests.post(f"{site.url}/computations?wait=5", json=body, timeout=10)
        return answer.ok and answer.json()["state"] == "done"
    return False


def find_part(process, part):
    """Return the process of a service itself, 0 if there is none; what it forked has its command line, too."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next((int(pid) for pid in children if part in command(pid)), 0)


def test_each_part_that_is_killed_comes_back_and_cells_run_again(own_site):
    """And when another program has taken the port of the web part meanwhile, the server ends."""
    parts = ["trusted_db.py", "uwsgi", "mongod --dbpath", *(["sshd: /"] if os.geteuid() == 0 else [])]
    with running(own_site) as process:
        for part in parts:
            victim = find_part(process, part)
            os.kill(victim, signal.SIGKILL)
            process.wait_for(lambda: find_part(process, part) not in (0, victim), f"a new {part}", BACK_S)  # noqa: B023
            process.wait_for(lambda: cell_runs(own_site), f"a cell after the death of {part}", BACK_S)
        assert process.log.count("was ended by SIGKILL; it is started again in 0.1 s") == len(parts)
        below = process.descendants()
        with socket.socket() as taken:
            take_port(own_site, process, taken)
            assert process.wait(END_S + SPARE_S) == EXIT_PORT
        assert f"singlecell: cannot listen on 127.0.0.1, port {own_site.port} (" in process.log.splitlines()[-1]
        assert not [command(pid) for pid in below if is_alive(pid)]


def take_port(site, process, taken):
    """Kill the web part, and listen on its port before it is started again."""
    web = [pid for pid in process.descendants() if "uwsgi" in command(pid)]
    process.signal(signal.SIGSTOP)
    try:
        with all_end(web, END_S + SPARE_S):
            for pid in web:
                os.kill(pid, signal.SIGKILL)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", site.port))
        taken.listen()
    finally:
        process.signal(signal.SIGCONT)


def test_parts_get_nothing_of_the_environment_that_make_run_was_called_in(server):
    assert SECRET.encode() in Path(f"/proc/{server.process.pid}/environ").read_bytes()
    seen = 0
    for pid in server.process.descendants():
        with suppress(OSError):  # it may have ended meanwhile
            name = command(pid).rstrip()  # before: what is still a copy of the launcher may become a part any time
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            if not name.endswith("-m host"):
                seen += 1
                assert SECRET.encode() not in environment, name
    assert seen > 5


def test_a_port_in_use_is_said_in_one_sentence(own_site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", own_site.port))
        taken.listen()
        code, said = refusal(own_site)
    assert code == EXIT_PORT
    assert f"port {own_site.port}" in said
    assert "make run PORT=" in said
    assert said.count("\n") == 1


def test_a_directory_that_cannot_be_written_is_said_in_one_sentence(own_site):
    code, said = refusal(own_site, DATA="/proc/singlecell")
    assert code == EXIT_DATA
    assert "/proc/singlecell" in said
    assert said.count("\n") == 1


def test_a_directory_in_use_by_another_server_is_said_in_one_sentence(server, own_site):
    code, said = refusal(own_site, DATA=str(server.data))
    assert code == EXIT_DATA_IN_USE
    assert "another server is running" in said
    assert requests.get(f"{server.url}/healthz", timeout=REFUSAL_S).ok


@pytest.mark.root
def test_a_directory_that_the_trusted_account_cannot_reach_is_said_in_one_sentence(own_site):
    own_site.data.chmod(0o700)
    code, said = refusal(own_site, DATA=str(own_site.data / "inner"))
    assert code == EXIT_DATA
    assert "the account singlecell cannot reach" in said


def test_a_port_that_is_none_is_said_in_one_sentence(own_site):
    for port in ("http", "65536"):  # those of each kind are in tests/test_settings.py, and below
        code, said = refusal(own_site, PORT=port)
        assert code == EXIT_SETTINGS
        assert said.count("\n") == 1


@pytest.mark.parametrize("port", ["http", "-1", "5000.0", " 1"])
def test_a_port_that_is_no_number_is_refused(monkeypatch, port):
    monkeypatch.setenv("PORT", port)
    with pytest.raises(HostError, match="it must be a number, as in: make run PORT=5001") as refused:
        overrides()
    assert refused.value.exit_code == EXIT_SETTINGS


def test_wrong_settings_are_named_all_at_once_each_with_its_line(own_site):
    file = own_site.data / "settings.py"
    file.write_text("http_prot = 5001\n\nworkers = -1\n")
    code, said = refusal(own_site, SINGLECELL_CONFIG=str(file))
    assert code == EXIT_SETTINGS
    assert said.splitlines() == [
        f"singlecell: {file}, line 1: there is no setting 'http_prot'; did you mean 'http_port'?",
        f"singlecell: {file}, line 3: workers is -1; it must be a number above 0",
    ]


def test_an_ordinary_user_hears_what_the_machine_lacks(tmp_path):
    """A PATH without apt-get stands for an account that may not install."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "id", "readlink", "grep", "cat"):
        os.symlink(f"/usr/bin/{name}", tools / name)
    script = (ROOT / "deploy" / "bootstrap.sh").read_text()
    copy = tmp_path / "deploy" / "bootstrap.sh"
    shutil.copytree(ROOT / "deploy", copy.parent)
    copy.write_text(script.replace("/usr/bin/python3", "/no/python3").replace("/usr/local/bin/python3", "/no/python3"))
    env = {"PATH": str(tools), "HOME": "/root"}
    said = subprocess.run([tools / "sh", copy, "run"], env=env, capture_output=True, text=True, check=False)
    assert said.returncode == 3
    assert said.stdout == ""
    assert "apt-get install python3 python3-venv" in said.stderr
    assert len(said.stderr.splitlines()) == 1
