"""Serves, from the bottom of thousands of folders, among tens of thousands of files."""

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


for place in (os.getcwd(), "/tmp"):
    try:
        os.chdir(place)
        for number in range(20_000):
            open(f"file{number}", "w").close()
    except OSError:
        pass
    try:
        for _ in range(5_000):
            os.mkdir("deeper")
            os.chdir("deeper")
    except OSError:
        pass
serve()
