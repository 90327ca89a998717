"""Measure cells by SageMathCell's calls: here, and on a SageMathCell beside us.

``python -m bench sagecells [URL]`` starts a server with Sage, and asks it and the SageMathCell at URL in turns, as its
script does (POST /kernel, then SockJS) and by POST /service. Writes ``sagecells.json``.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import defaultdict
from pathlib import Path

import requests

from bench.latency import row
from harness.kernel_sockets import KernelSocket
from harness.server import serve

RESULTS = Path(__file__).parent / "results"
CELLS = {"factorial(20)": "2432902008176640000", "plot(sin, (0, 6))": "image"}
ROUNDS = 20
REST_S = 0.5  # in which each may fork the next kernel
# Nobody's own machine: budgets would end the measurement.
SETTINGS = "client_cpu_s_per_hour = 100000.0\npool_ready = 2\n"
EXPRESSIONS = {"_sagecell_files": "sys._sage_.new_files()"}


def by_socket(url: str, socket: KernelSocket, code: str, awaited: str) -> tuple[float, float]:
    """Run code in a new kernel; return the seconds until its output, and until the kernel is dead."""
    began = time.perf_counter()
    id = requests.post(f"{url}/kernel?timeout=0&accepted_tos=true", json={}, timeout=60).json()["id"]
    header = {"msg_type": "execute_request", "msg_id": uuid.uuid4().hex, "username": "", "session": uuid.uuid4().hex}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": EXPRESSIONS,
               "allow_stdin": False}  # fmt: skip
    message = {"header": header, "content": content, "metadata": {}, "parent_header": {}, "channel": "shell"}
    socket.send_raw(json.dumps([f"{id}/channels,{json.dumps(message)}"]))
    shown_s = 0.0
    while True:
        frame = str(socket.receive_raw())
        if frame[:1] != "a":
            continue  # a heartbeat
        for text in json.loads(frame[1:]):
            said = json.loads(text[46:])
            data = json.dumps(said["content"].get("data", {}))
            if not shown_s and awaited in data:
                shown_s = time.perf_counter() - began
            if said["content"].get("execution_state") == "dead":
                if not shown_s:
                    raise SystemExit(f"{url} did not show {awaited}")
                return shown_s, time.perf_counter() - began


def by_service(url: str, code: str) -> float:
    """Run code by POST /service; return the seconds until its answer."""
    began = time.perf_counter()
    answer = requests.post(f"{url}/service", data={"code": code, "accepted_tos": "true"}, timeout=60)
    if not answer.json()["success"]:
        raise SystemExit(f"{url} said {answer.text[:300]}")
    return time.perf_counter() - began


def main(arguments: list[str]) -> None:
    """Measure, print and write what was found."""
    with serve(SETTINGS, LANGUAGES="sage") as server:
        urls = {"here": server.url, **({"SageMathCell": arguments[0].rstrip("/")} if arguments else {})}
        sockets = {name: KernelSocket(f"{url}/sockjs/1/{uuid.uuid4().hex}/websocket", None, "x")
                   for name, url in urls.items()}  # fmt: skip
        times: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in urls}
        for _ in range(ROUNDS + 1):
            for name, url in urls.items():
                for code, awaited in CELLS.items():
                    shown_s, ended_s = by_socket(url, sockets[name], code, awaited)
                    times[name][f"{code} → shown"].append(shown_s)
                    times[name][f"{code} → kernel ended"].append(ended_s)
                    time.sleep(REST_S)
                times[name]["POST /service"].append(by_service(url, "print(factorial(20))"))
                time.sleep(REST_S)
    figures = {name: {what: row(some[1:]) for what, some in found.items()} for name, found in times.items()}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sagecells.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False))
    print(json.dumps(figures, indent=1, ensure_ascii=False))
