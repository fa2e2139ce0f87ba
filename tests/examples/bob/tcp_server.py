"""Bob's tcp_server: reads HOST and PORT from the environment, and counts from 0."""

import os
import socket

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((os.environ["HOST"], int(os.environ["PORT"])))
server.listen()
count = 0
while True:
    connection, (host, port) = server.accept()
    print(f"\nConnection #{count} from {host}:{port}", flush=True)
    with connection:
        try:
            message = connection.recv(1024)
            print("Received:", message.decode(errors="replace"), flush=True)
            connection.sendall(b"Hello! You are connection #%d" % count)
        except OSError as error:
            print(f"{host}:{port}: {error}", flush=True)
    count += 1
