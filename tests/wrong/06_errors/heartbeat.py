"""A heartbeat server or client, and the bug that the third argument names."""

import socket
import sys
import threading
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def beat(stream):
    missed, received = 0, b""
    with stream:
        try:
            while bug == "never_drops" or missed < {"drops_at_once": 1, "drops_late": 9}.get(bug, 3):
                stream.sendall({"no_newline": b"PING", "small": b"ping\n"}.get(bug, b"PING\n"))
                missed += 1
                until = time.monotonic() + 1
                while (left := until - time.monotonic()) > 0:
                    stream.settimeout(left)
                    try:
                        data = stream.recv(64)
                    except socket.timeout:
                        break
                    if not data:
                        return
                    received += data
                    if bug == "whole_message" and received == b"PONG":
                        missed = 0
                    if bug not in ("never_resets", "whole_message") and b"PONG\n" in received:
                        missed, received = 0, b""
        except OSError:
            pass


def serve():
    listener = socket.create_server((host, port))
    while True:
        stream, _ = listener.accept()
        if bug == "one_at_a_time":
            beat(stream)
        else:
            threading.Thread(target=beat, args=(stream,), daemon=True).start()


def answer(stream):
    stream.settimeout({"client_waits": None, "client_impatient": 0.5}.get(bug, 3))
    if bug == "client_whole_message":
        while data := stream.recv(64):
            if data == b"PING\n":
                stream.sendall(b"PONG\n")
        return
    for line in stream.makefile("rb"):
        if bug == "client_echoes":
            stream.sendall(line)
        elif line == b"PING\n" and bug != "client_mute":
            stream.sendall(b"PONG" if bug == "client_no_newline" else b"PONG\n")


def stay_connected():
    pause = 0.3
    while True:
        try:
            answer(socket.create_connection((host, port)))
        except OSError:
            pass
        if bug == "client_leaves":
            return
        time.sleep({"client_no_pause": 0, "client_same_pause": 0.3}.get(bug, pause))
        pause = pause / 2 if bug == "client_shrinks" else min(pause * 2, 30)


stay_connected() if bug.startswith("client_") else serve()
