"""Serves, and prints NUL bytes, escape sequences, broken UTF-8 and what XML forbids."""

import os
import socket
import sys

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
            client.shutdown(socket.SHUT_WR)
            client.settimeout(0.2)
            while client.recv(1024):
                pass
        except OSError:
            pass
        finally:
            client.close()


noise = b"\x00\x01\x1b[2J\x1b]0;title\x07\xff\xfe]]>\xef\xbf\xbe&lt;<b>\r\n"
os.write(1, noise * 100)
os.write(2, noise * 100)
serve()
