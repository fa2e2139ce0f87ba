"""config_client with one bug, which the third argument chooses; without it, none."""
import os
import socket
import sys
import threading

HOST, PORT = sys.argv[1], int(sys.argv[2])
BUG = sys.argv[3] if len(sys.argv) > 3 else ""

try:
    conn = socket.create_connection((HOST, PORT))
except OSError as error:
    if BUG == "traceback":
        raise
    if BUG == "silent":
        sys.exit(1)
    sys.exit(f"cannot connect: {error}")
replies = conn.makefile("rb")


def show():
    for line in replies:
        if BUG == "shows_one_line" and not line.startswith(b"OK"):
            continue
        print(line.decode("utf-8", "replace").rstrip("\n"), flush=True)
    if BUG != "waits_for_input":
        print("the server has gone", flush=True)
        os._exit(0)


threading.Thread(target=show, daemon=True).start()
for line in sys.stdin:
    text = line.rstrip("\n")
    if text:
        conn.sendall(text.encode() + (b"" if BUG == "no_line_end" else b"\n"))
