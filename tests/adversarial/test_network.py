"""No attack finds a network: there is none, by any family, address, notation or library."""

from __future__ import annotations

import socket
import threading

import pytest

ADDRESSES = {
    "E2 by number": "1.1.1.1", "E4 metadata": "169.254.169.254", "E5 loopback": "127.0.0.1", "E5 loopback, other": "127.1.2.3",
    "E6 private": "10.0.0.1", "E6 private, other": "192.168.0.1", "E6 carrier": "100.64.0.1", "E6 link": "169.254.1.1",
    "E6 multicast": "224.0.0.1", "E6 broadcast": "255.255.255.255", "E7 any": "0.0.0.0", "E7 decimal": "2130706433",
    "E7 octal": "0177.0.0.1", "E7 short": "127.1",
}  # fmt: skip
ADDRESSES6 = {
    "E4 metadata 6": "fd00:ec2::254", "E5 loopback 6": "::1", "E7 mapped": "::ffff:127.0.0.1", "E7 6to4": "2002:7f00:1::",
    "E6 link 6": "fe80::1", "E6 multicast 6": "ff02::1", "E7 any 6": "::",
}  # fmt: skip
FORMS = {
    **{name: f"s = socket.socket(2, 1); s.settimeout(2); s.connect(({a!r}, PORT))" for name, a in ADDRESSES.items()},
    **{f"{name}, datagram": f"socket.socket(2, 2).sendto(b'x', ({a!r}, 53))" for name, a in ADDRESSES.items()},
    **{name: f"s = socket.socket(10, 1); s.settimeout(2); s.connect(({a!r}, PORT))" for name, a in ADDRESSES6.items()},
    **{f"{name}, datagram": f"socket.socket(10, 2).sendto(b'x', ({a!r}, 53))" for name, a in ADDRESSES6.items()},
    "E1 page": "import urllib.request; urllib.request.urlopen('http://example.org/', timeout=3)",
    "E1 page, encrypted": "import urllib.request; urllib.request.urlopen('https://example.org/', timeout=3)",
    "E1 name": "socket.getaddrinfo('example.org', 80)",
    "E4 metadata by name": "import urllib.request; urllib.request.urlopen('http://metadata.google.internal/', timeout=3)",
    "E3 name server": "socket.socket(2, 2).sendto(bytes(12), ('8.8.8.8', 53))",
    "E3 over TLS": "socket.create_connection(('8.8.8.8', 853), 2)",
    "E3 QUIC": "socket.socket(2, 2).sendto(bytes(1200), ('8.8.8.8', 443))",
    "E8 sendmsg": "socket.socket(2, 2).sendmsg([b'x'], [], 0, ('8.8.8.8', 53))",
    "E8 sendmmsg": "s = socket.socket(2, 2); call(307, s.fileno(), bytes(64), 1, 0)",
    "E8 first bytes with the connect": "socket.socket(2, 1).sendto(b'x', 0x20000000, ('8.8.8.8', 80))",
    "E9 ICMP": "socket.socket(2, 3, 1)", "E9 ping": "socket.socket(2, 2, 1)", "E9 raw": "socket.socket(2, 3, 255)",
    "E9 ICMP 6": "socket.socket(10, 3, 58)", "E9 packets": "socket.socket(17, 3, 3)", "E9 packets, cooked": "socket.socket(17, 2, 3)",
    "E9 program": "subprocess.run(['ping', '-c1', '127.0.0.1'], check=True, capture_output=True)",
    "E10 MPTCP": "socket.socket(2, 1, 262)", "E10 SCTP": "socket.socket(2, 1, 132)", "E10 SCTP, seqpacket": "socket.socket(2, 5, 132)",
    "E10 DCCP": "socket.socket(2, 6, 33)", "E10 UDP-Lite": "socket.socket(2, 2, 136)",
    "E11 listening": "socket.create_server(('0.0.0.0', 0))", "E11 listening 6": "socket.create_server(('::', 0), family=10)",
    "E11 our port taken": "socket.create_server(('127.0.0.1', PORT))",
    "E13 proxy": "os.environ['http_proxy'] = 'http://127.0.0.1:PORT'; import urllib.request; "
    "urllib.request.urlopen('http://example.org/', timeout=3)",
    "E13 git": "subprocess.run(['git', 'clone', 'git://example.org/a', '/tmp/a'], check=True, capture_output=True, timeout=5)",
    "E13 file": "import urllib.request; urllib.request.urlopen('file:///etc/shadow')",
    "E13 pandas": "import pandas; pandas.read_csv('http://127.0.0.1:PORT/')",
    "E13 curl": "subprocess.run(['curl', '-s', 'http://127.0.0.1:PORT/'], check=True, capture_output=True, timeout=5)",
}  # fmt: skip


class Listener:
    """A server on the host's loopback, TCP and UDP on one port, that counts who knocks."""

    def __init__(self) -> None:
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.knocks = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            self.knocks += 1
            connection.close()

    def close(self) -> None:
        self.tcp.close()
        self.udp.close()


@pytest.fixture(scope="module")
def found(attempt) -> dict[str, str]:
    """What came of all the attempts, made in one cell while a server listened on the host's loopback."""
    listener = Listener()
    with socket.create_connection(("127.0.0.1", listener.port)):
        pass
    answers = attempt({name: code.replace("PORT", str(listener.port)) for name, code in FORMS.items()})
    listener.udp.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.udp.recv(1)
    listener.close()
    assert listener.knocks <= 1  # our own
    return answers


@pytest.mark.parametrize("name", FORMS)
def test_no_network_is_reached(found, name):
    assert not found[name].startswith("ok"), found[name]


def test_the_servers_of_the_host_cannot_be_reached_by_their_ports(attempt, server):
    """E5"""
    ports = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as file:
            ports |= {int(line.split()[1].rpartition(":")[2], 16) for line in list(file)[1:] if line.split()[3] == "0A"}
    assert server.port in ports
    answers = attempt({str(port): f"socket.create_connection(('127.0.0.1', {port}), 1)" for port in sorted(ports)})
    assert set(answers.values()) == {"EAFNOSUPPORT"}


def test_sessions_cannot_reach_each_other_by_loopback_or_name(client, attempt):
    """E5, E11"""
    listen = client.submit(
        "import socket\ns = socket.socket(1)\ns.bind('\\0meet')\ns.listen()\nt = socket.socket(1)\nt.bind('/tmp/meet')\nt.listen()\ninput()"
    )["id"]
    client.until_asked(listen)
    answers = attempt(
        {"abstract": "socket.socket(1).connect('\\0meet')", "path": "socket.socket(1).connect('/tmp/meet')"}
    )
    client.cancel(listen)
    assert answers == {"abstract": "ECONNREFUSED", "path": "ENOENT"}
