"""Right in unusual ways: slow to start, verbose on stderr, answers late and in threads."""

import itertools
import os
import socket
import sys
import threading
import time

mode = sys.argv[3]
numbers = itertools.count(1)


def serve(stream, peer, number):
    log = sys.stderr if mode == "logs_on_stderr" else sys.stdout
    stamp = "2026-11-21 09:00:00 INFO " if mode == "logs_on_stderr" else ""
    with stream:
        try:
            print(f"{stamp}\033[32mConnection #{number} from {peer}\033[0m", file=log, flush=True)
            message = stream.recv(4096)
            print(f"{stamp}Received: {message.decode(errors='replace')}", file=log, flush=True)
            if mode == "late":
                time.sleep(0.4)
            if message or mode == "answers_silence":
                stream.sendall(f"Hello! You are connection #{number}".encode())
        except OSError as error:
            print(error, file=sys.stderr)


if mode == "late":
    time.sleep(2)
host, port = os.environ["HOST"], int(os.environ["PORT"])
try:
    listener = socket.create_server((host, port), backlog=5 if mode == "answers_silence" else 200)
except OSError as error:
    if mode == "logs_on_stderr":
        raise
    print(f"cannot start: {error}")
    sys.exit(98)
if mode != "late":
    print("up and running")
while True:
    stream, peer = listener.accept()
    arguments = (stream, peer, next(numbers))
    if mode == "answers_silence":
        serve(*arguments)
    else:
        threading.Thread(target=serve, args=arguments, daemon=True).start()
