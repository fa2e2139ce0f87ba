"""Serves, and closes stdin, stdout and stderr."""

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


for descriptor in range(3):
    os.close(descriptor)
serve()
