"""Serves from the background: two forks, a session of its own, no environment, no family."""

import os
import socket
import sys
import time

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


if len(sys.argv) < 2:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            # The environment, by which it could be known, stays behind.
            line = [sys.executable, __file__, HOST, str(PORT)]
            os.execve(sys.executable, line, {"HOST": HOST, "PORT": str(PORT)})
        if os.fork() == 0:
            os.execvpe("sleep", ["sleep", "98765"], {})
        os._exit(0)
    time.sleep(0.3)
    raise SystemExit(0)
serve()
