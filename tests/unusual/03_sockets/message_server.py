"""A correct message server that does things in its own way, as the third argument says."""

import os
import socket
import sys
import threading
import time

host, port, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]
threaded = way.startswith("threaded_")
way = way.removeprefix("threaded_")


def say(text):
    if way == "logs":
        print(f"\x1b[32m2026-01-01 12:00:00 INFO\x1b[0m {text}", file=sys.stderr)
        print("another line", flush=True)
    else:
        print(text, flush=True)


def serve(stream, peer):
    shown = f"{peer[0]}:{peer[1]}" if way == "colon" else peer
    say(f"Accepted connection from {shown}")
    size = 100 if way == "pieces" else 1024
    with stream:
        try:
            while True:
                data = stream.recv(size)
                if not data:
                    if way == "empty":
                        say("Received: ")
                    break
                if way == "bad_bytes_close":
                    try:
                        data.decode()
                    except UnicodeDecodeError:
                        stream.sendall(b"ERROR not UTF-8")
                        break
                text = data.decode(errors="replace")
                say(f"Received: {text}")
                word = text.rstrip("\r\n") if way == "line_end" else text
                if way == "late":
                    time.sleep(0.4)
                if word.lower() == "close":
                    stream.sendall(b"closed")
                    break
                stream.sendall(b"accepted")
        except OSError as error:
            say(f"Error: {error}")
    say(f"Connection to client ({shown}) closed" if threaded else "Connection to client closed")


if way == "slow_start":
    print(f"Listening on {host}:{port}", flush=True)
    time.sleep(2)
try:
    listener = socket.create_server((host, port), backlog=1 if way == "backlog" else 128)
except OSError as error:
    sys.exit(f"Error: {error}")
if way != "no_banner":
    say(f"Listening on {host}:{port}")
while True:
    stream, peer = listener.accept()
    if not threaded:
        serve(stream, peer)
        break
    threading.Thread(target=serve, args=(stream, peer), daemon=True).start()
