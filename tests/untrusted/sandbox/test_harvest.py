"""Files out of a session that has been killed, through the handle that it gave away before any user code ran."""

from __future__ import annotations

SOURCE = """
import os, socket
open("result.csv", "w").write("1,2")
os.makedirs("a/b")
open("a/b/deep", "w").write("x")
os.symlink("/etc/passwd", "link")
os.symlink("/proc/self/root/etc/passwd", "magic")
os.link("a/b/deep", "hard")
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
open("sparse", "wb").truncate(20 << 20)
open(b"\\xff", "w").close()
open(".hidden", "w").close()
os.mkdir("closed", 0)
report("made")
"""


def test_files_come_out_of_a_dead_session_and_nothing_else_does(session):
    """F1, F2, F4, F5, F6, F8, F11, F13, F14"""
    result = session(SOURCE, harvest=True)
    assert result.dead
    assert result.files == {"result.csv": [3, "1,2"]}
    told = "\n".join(result.sentences)
    for name in ("link", "magic", "hard", "a/b/deep", "fifo", "socket", "sparse", "closed"):
        assert f"'{name}'" in told, told
    assert ".hidden" not in told


def test_a_full_and_deep_directory_is_harvested_within_bounds(session):
    """A21, A22, F10, F12"""
    source = """
import os
try:
    for n in range(10000):
        open(f"f{n:05}", "w").close()
except OSError:
    pass
for n in range(300):
    os.remove(f"f{n:05}")
path = os.open(".", os.O_RDONLY)
for _ in range(150):
    os.mkdir("d", dir_fd=path)
    path, old = os.open("d", os.O_RDONLY, dir_fd=path), path
    os.close(old)
report("full")
"""
    result = session(source, harvest=True, limits={"session_inodes_max": 1024})
    assert result.reported == "full"
    assert len(result.files) == 100
    assert 0 < len(result.sentences) < 20
