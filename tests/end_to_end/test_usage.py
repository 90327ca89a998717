"""What measurements read: the CPU of a running server, part by part."""

from __future__ import annotations

from harness.server import Server
from harness.usage import cpu_by_part_s, sessions_group


def test_the_cpu_of_a_running_server_is_told_by_its_parts(server: Server) -> None:
    found = cpu_by_part_s({"server": server.process.pid}, sessions_group(server.data))
    assert found.keys() - {"sessions"} == {"machine", "server", "web", "device", "mongod", "supervisor"}
    assert all(seconds > 0 for seconds in found.values())
    assert sum(found.values()) - found["machine"] <= found["machine"]
