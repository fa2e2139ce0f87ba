"""Accepts, and never reads nor writes."""

import os
import socket
import time

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((os.environ["HOST"], int(os.environ["PORT"])))
listener.listen(128)
clients = []
while True:
    clients.append(listener.accept())
    time.sleep(0)
