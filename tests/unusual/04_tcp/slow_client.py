"""A client in no hurry: sends late and in two writes, reads bit by bit to the end."""

import os
import socket
import sys
import time

host, port, mode = os.environ["HOST"], int(os.environ["PORT"]), sys.argv[3]
text = b"Hello, Server!" if mode == "echo_client" else b"Hello from client!"
sys.stdout.reconfigure(encoding="utf-8")
try:
    with socket.create_connection((host, port)) as conn:
        time.sleep(0.4)
        conn.sendall(text[:6])
        time.sleep(0.4)
        conn.sendall(text[6:])
        if mode != "tcp_client":
            conn.shutdown(socket.SHUT_WR)  # These servers wait for the end, too.
        reply = b""
        while piece := conn.recv(3):
            reply += piece
except OSError as error:
    print("\033[31mcould not talk:", error, "\033[0m", file=sys.stderr)
    sys.exit(1)
if mode == "echo_client":
    print("\033[32mReceived", repr(reply.decode("utf-8", "replace")), "\033[0m")
else:
    print("\033[32mReceived:\033[0m", reply.decode("utf-8", "replace"))
