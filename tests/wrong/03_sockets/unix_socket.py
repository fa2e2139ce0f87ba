"""A Unix socket server or client, and the bug that the third argument names."""

import os
import signal
import socket
import stat
import sys

bug, path = sys.argv[3], sys.argv[-1]
sys.stdout.reconfigure(line_buffering=True)


def listen():
    if bug == "other_path":
        return listen_at(path + ".other")
    return listen_at(path)


def listen_at(path):
    if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
        probe = socket.socket(socket.AF_UNIX)
        try:
            if bug not in ("steals", "stale"):
                probe.connect(path)
                sys.exit("Error: another server listens there")
        except ConnectionRefusedError:
            pass
        if bug != "stale":
            os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    umask = os.umask(0o022 if bug == "mode" else 0o177)
    listener.bind(path)
    os.umask(umask)
    if bug == "mode_group":
        os.chmod(path, 0o660)
    listener.listen()
    return listener


def serve(stream):
    while data := stream.recv(1024):
        if data.lower() == b"close":
            stream.sendall(b"close" if bug == "close_for_closed" else b"closed")
            return
        stream.sendall(b"accepted\n" if bug == "newline" else b"accepted")


def client():
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(path)
    for line in sys.stdin:
        text = line if bug == "client_newline" else line.rstrip("\n")
        stream.sendall(text.encode())
        answer = stream.recv(1024)
        if answer == b"closed":
            break
        print("Received:", answer if bug == "client_bytes_form" else answer.decode())
    print("Connection to server closed")


if bug.startswith("client_"):
    try:
        client()
    except OSError as error:
        if bug == "client_traceback":
            raise
        sys.exit(f"Error: {error}")
    sys.exit()

try:
    listener = listen()
except OSError as error:
    if bug == "crash":
        raise
    sys.exit(0 if bug == "long_status_0" else f"Error: {error}")
if bug == "for_ever":
    # Serves one after another, and forgets its file on SIGTERM.
    while True:
        serve(listener.accept()[0])
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
try:
    serve(listener.accept()[0])
finally:
    if bug != "leaves_file":
        os.unlink(path)
