"""A process for each client, and the bug that the third argument names."""

import os
import signal
import socket
import sys

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if bug != "zombies":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def say(line):
    print(line, flush=True)


def serve(stream, name):
    say(f"New connection from {name}")
    try:
        while True:
            data = stream.recv(1024)
            if not data:
                break
            say(f"Received from {name}: {data.decode(errors='replace')}")
            stream.sendall(b"Echo: " + data)
    except OSError as error:
        say(f"Error with client {name}: {error}")
    say(f"Connection closed by {name}")
    say(f"Connection handler closed for {name}")


try:
    listener = socket.create_server((host, port), backlog=100)
except OSError as error:
    sys.exit(f"Error: {error}")
kept = []
while True:
    stream, peer = listener.accept()
    if os.fork() == 0:
        listener.close()
        serve(stream, f"{peer[0]}:{peer[1]}")
        os._exit(0)
    if bug == "parent_keeps":
        kept.append(stream)
    else:
        stream.close()
