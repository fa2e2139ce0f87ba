"""Serves, and leaves children: in its group, in sessions of their own, without environment."""

import os
import socket
import sys

HOST, PORT = os.environ["HOST"], int(os.environ["PORT"])
import subprocess


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


if os.fork() == 0:
    os.execvp("sleep", ["sleep", "98765"])
if os.fork() == 0:
    os.setsid()
    os.execvpe("sleep", ["sleep", "98765"], {})
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        # An orphan in a session of its own with no environment.
        os.closerange(0, 256)
        os.execve("/bin/sleep", ["sleep", "98765"], {})
    os._exit(0)
serve()
