"""Bob's tcp_server: reads HOST and PORT from the environment, and counts from 0."""

import os
import socket

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((os.environ["HOST"], int(os.environ["PORT"])))
server.listen()
count = 0
while True:
    connection, _ = server.accept()
    with connection:
        connection.recv(1024)
        connection.sendall(b"Hello! You are connection #%d" % count)
        count += 1
