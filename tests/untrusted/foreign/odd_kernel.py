"""A kernel for Jupyter that does what a cell tells it, also what no kernel should: the cell is Python about ``kernel``.

Its kernelspec lies beside it when a test has put both among the languages.
"""

import hashlib
import hmac
import json
import os
import signal
import sys
import threading
import time
import uuid

import zmq

DELIMITER = b"<IDS|MSG>"


class OddKernel:
    """The sockets, and what cells may ask of them."""

    def __init__(self, connection_file):
        self.connection_file = connection_file
        with open(connection_file) as file:
            self.connection = json.load(file)
        self.context = zmq.Context()
        kinds = {"shell": zmq.ROUTER, "iopub": zmq.PUB, "stdin": zmq.ROUTER, "control": zmq.ROUTER, "hb": zmq.REP}
        self.sockets = {name: self.context.socket(kind) for name, kind in kinds.items()}
        self.sockets["iopub"].sndhwm = 0
        for name, socket in self.sockets.items():
            socket.linger = 1000
            if name != "stdin":
                self.bind(name)
        threading.Timer(float(os.environ.get("STDIN_LATE_S", 0)), self.bind, ["stdin"]).start()
        self.count, self.request, self.identity = 0, {}, b""
        self.says_idle = self.says_input = True
        self.names = {}
        threading.Thread(target=self.hear_control, daemon=True).start()

    def bind(self, name):
        self.sockets[name].bind(f"ipc://{self.connection['ip']}-{self.connection[name + '_port']}")

    def hear_control(self):
        while True:
            if self.receive("control")["header"]["msg_type"] == "interrupt_request":
                os.kill(os.getpid(), signal.SIGINT)

    def send(self, socket, msg_type, content, prefix=(), buffers=()):
        header = {"msg_id": uuid.uuid4().hex, "msg_type": msg_type, "session": "odd", "version": "5.3", "date": "",
                  "username": ""}
        parts = [json.dumps(part).encode() for part in (header, self.request.get("header", {}), {}, content)]
        signature = hmac.new(self.connection["key"].encode(), b"".join(parts), hashlib.sha256).hexdigest().encode()
        self.sockets[socket].send_multipart([*prefix, DELIMITER, signature, *parts, *buffers])

    def say(self, msg_type, content, buffers=()):
        self.send("iopub", msg_type, content, [msg_type.encode()], buffers)

    def reply(self, msg_type, content):
        self.send("shell", msg_type, content, [self.identity])

    def ask(self, prompt, password=False):
        self.send("stdin", "input_request", {"prompt": prompt, "password": password}, [self.identity])
        return self.receive("stdin")["content"]["value"]

    def receive(self, socket):
        frames = self.sockets[socket].recv_multipart()
        start = frames.index(DELIMITER) + 2
        header, _parent, _metadata, content = map(json.loads, frames[start : start + 4])
        message = {"header": header, "content": content, "buffers": frames[start + 4 :]}
        if socket == "shell":
            self.request, self.identity = message, frames[0]
        return message

    def serve(self):
        while True:
            try:
                message = self.receive("shell")
                self.says_idle = self.says_input = True
                self.say("status", {"execution_state": "busy"})
                self.answer(message["header"]["msg_type"], message["content"], message["buffers"])
                if self.says_idle:
                    self.say("status", {"execution_state": "idle"})
            except KeyboardInterrupt:
                continue

    def answer(self, kind, content, buffers):
        if kind == "kernel_info_request":
            info = {"protocol_version": "5.3", "language_info": {"name": "odd", "version": "1.5"}, "status": "ok"}
            self.reply("kernel_info_reply", info)
        elif kind == "execute_request":
            self.execute(content["code"], content["store_history"])
        elif kind == "complete_request":
            self.reply("complete_reply", self.names.get("completions", {"status": "ok", "matches": ["odd"],
                       "cursor_start": 0, "cursor_end": content["cursor_pos"], "metadata": {}}))
        elif kind == "inspect_request" and "silent" not in self.names:
            self.reply("inspect_reply", {"status": "ok", "found": True, "data": {"text/plain": "odd"}, "metadata": {}})
        elif kind.startswith("comm_"):
            time.sleep(content["data"].get("slow_s", 0))
            echo = {"comm_id": content["comm_id"], "data": {"heard": content["data"]}}
            self.say("comm_msg", echo, [bytes(reversed(buffer)) for buffer in buffers])

    def execute(self, code, is_counted):
        self.count += is_counted
        reply = {"status": "ok", "execution_count": self.count, "user_expressions": {}, "payload": []}
        self.names["kernel"], self.names["reply"] = self, reply
        try:
            exec(code, self.names)
        except KeyboardInterrupt:
            reply = {"status": "aborted", "execution_count": self.count}
        except Exception as error:
            reply = {"status": "error", "execution_count": self.count, "ename": type(error).__name__,
                     "evalue": str(error), "traceback": [f"{type(error).__name__}: {error}"]}
            self.say("error", {name: reply[name] for name in ("ename", "evalue", "traceback")})
        if self.names["reply"] is not None:
            self.reply("execute_reply", reply)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["ODD"] = "1"
    OddKernel(sys.argv[1]).serve()
