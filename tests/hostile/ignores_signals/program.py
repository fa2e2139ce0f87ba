"""Serves, and ignores every signal that can be ignored."""

import os
import socket
import sys

HOST, PORT = os.environ["HOST"], int(os.environ["PORT"])
import signal


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
            client.shutdown(socket.SHUT_WR)
            client.settimeout(0.2)
            while client.recv(1024):
                pass
        except OSError:
            pass
        finally:
            client.close()


for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
serve()
