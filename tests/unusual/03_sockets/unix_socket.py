"""A correct Unix socket server (one client, or a thread for each) or client."""

import os
import signal
import socket
import sys
import threading

way, path = sys.argv[3], sys.argv[-1]


def serve(stream):
    print("[server] Accepted connection from", repr(stream.getpeername()), flush=True)
    try:
        with stream:
            while data := stream.recv(1024):
                text = data.decode(errors="replace")
                print("[server] Received:", text, flush=True)
                if data.lower() == b"close":
                    stream.sendall(b"closed")
                    break
                stream.sendall(b"accepted")
    except OSError as error:
        print("[server]", error, flush=True)
    print("[server] Connection to client closed", flush=True)


if way == "client":
    try:
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(path)
    except OSError as error:
        sys.exit(f"Error: {error}")
    while line := input("Enter message: "):
        stream.sendall(line.encode())
        answer = stream.recv(1024).decode()
        if answer == "closed":
            break
        print("Received:", answer, flush=True)
    print("Connection to server closed")
    sys.exit()

probe = socket.socket(socket.AF_UNIX)
try:
    probe.connect(path)
    sys.exit("Error: somebody listens there")
except FileNotFoundError:
    pass
except ConnectionRefusedError:
    os.unlink(path)
except OSError as error:
    sys.exit(f"Error: {error}")
probe.close()
os.umask(0o177)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
try:
    if way == "one":
        serve(listener.accept()[0])
    while way == "many":
        threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
finally:
    os.unlink(path)
