"""As plain as a tutorial has it: one client after another, a backlog of one, late."""

import signal
import socket
import sys
import time

host, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
BOLD, OFF = "\033[1m", "\033[0m"


def interrupted(signum, frame):
    print(f"{BOLD}Server shutting down{OFF}", flush=True)
    sys.exit(0)


def greet(conn, addr, number):
    print(f"Connection #{number} from {addr}", flush=True)
    data = conn.recv(512)
    print(f"{BOLD}Received: {data.decode('utf-8', 'replace')}{OFF}", flush=True)
    # In two writes, the second one a moment later.
    conn.sendall(b"Hello! You are connection #")
    time.sleep(0.02)
    conn.sendall(str(number).encode())


def echo(conn, addr):
    print(f"Connected by {addr}", flush=True)
    while data := conn.recv(8192):
        if mode == "closes_on_bad_bytes":
            try:
                data.decode()
            except UnicodeDecodeError:
                conn.sendall(b"?")
                break
        text = data.decode("utf-8", "replace")
        print(f"{BOLD}Received: {text}{OFF}", flush=True)
        # What is no text comes back with U+FFFD in its place (F14).
        conn.sendall(text.encode())
    print(f"Connection closed with {addr}", flush=True)


signal.signal(signal.SIGINT, interrupted)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if mode == "closes_on_bad_bytes":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
try:
    listener.bind((host, port))
except OSError as error:
    print("bind:", error, file=sys.stderr)
    sys.exit(3)
listener.listen(1)
number = 0
while True:
    conn, addr = listener.accept()
    number += 1
    with conn:
        try:
            if mode == "greets":
                greet(conn, addr, number)
            else:
                echo(conn, addr)
        except OSError as error:
            print(error, file=sys.stderr)
