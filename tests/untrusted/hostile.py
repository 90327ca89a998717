"""Source with which hostile code in a session speaks on the socket to its supervisor."""

from __future__ import annotations

# Finds the socket to the supervisor, as hostile code can, and speaks on it.
SPEAK = """
import os, socket, stat, struct, threading, time
sys_socket = next(
    s for s in (socket.socket(fileno=os.dup(int(fd))) for fd in os.listdir('/proc/self/fd')
                if int(fd) > 2 and os.path.exists(f'/proc/self/fd/{fd}')
                and stat.S_ISSOCK(os.stat(f'/proc/self/fd/{fd}').st_mode))
    if s.type == socket.SOCK_STREAM)
def text(word): return bytes([0xa0 + len(word)]) + word.encode()
def raw(data): return b'\\xc4' + bytes([len(data)]) + data
message = (b'\\x84' + text('msg_type') + text('clear_output') + text('content') + raw(b'{"wait":true}')
           + text('metadata') + raw(b'{}') + text('buffers') + b'\\x90')
def said(count): return b'\\x82' + text('type') + text('said') + text('messages') + b'\\xdd' + struct.pack('>I', count)
def send(frame): sys_socket.sendall(struct.pack('>I', len(frame)) + frame)
"""
