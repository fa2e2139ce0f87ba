"""Redraws its prompt with escape sequences whenever something arrives; logs on stderr."""

import os
import socket
import sys
import threading


def show(server):
    try:
        while data := server.recv(64):
            sys.stdout.write("\r\x1b[K" + data.decode(errors="replace") + "You: ")
            sys.stdout.flush()
    except OSError:
        pass
    print("\nDisconnected from server", file=sys.stderr, flush=True)
    os._exit(0)


try:
    server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
except OSError:
    print("Could not connect to server. Is it running?", file=sys.stderr)
    sys.exit(0)
print("You: ", end="", flush=True)
threading.Thread(target=show, args=(server,), daemon=True).start()
for line in sys.stdin:
    if line.strip():
        server.sendall(line.encode() if line.endswith("\n") else line.encode() + b"\n")
        if line.strip().lower() == "quit":
            break
    print("You: ", end="", flush=True)
os._exit(0)
