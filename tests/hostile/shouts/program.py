"""Serves, and writes to stderr without end and without a line end."""

import os
import socket
import sys
import threading

HOST, PORT = os.environ["HOST"], int(os.environ["PORT"])


def serve():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, PORT))
    listener.listen(128)
    number = 0
    while True:
        client, _ = listener.accept()
        number += 1
        try:
            client.settimeout(20)
            if client.recv(1024):
                client.sendall(b"Hello! You are connection #%d" % number)
        except OSError:
            pass
        finally:
            client.close()


def shout():
    while True:
        sys.stderr.write("a" * 100_000)


threading.Thread(target=shout, daemon=True).start()
serve()
