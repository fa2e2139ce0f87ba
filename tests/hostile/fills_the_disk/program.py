"""Serves, and writes files until the disk is full."""

import os
import socket
import sys

HOST, PORT = os.environ["HOST"], int(os.environ["PORT"])
import threading


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


def hoard():
    number = 0
    while True:
        number += 1
        try:
            with open(f"file{number}", "wb") as file:
                for _ in range(64):
                    file.write(b"x" * 1024 * 1024)
        except OSError:
            return


if os.environ["HOME"].startswith("/") and os.statvfs(".").f_blocks * os.statvfs(".").f_frsize < 2**30:
    # A folder in memory with a limit; anything else is left alone.
    threading.Thread(target=hoard, daemon=True).start()
serve()
