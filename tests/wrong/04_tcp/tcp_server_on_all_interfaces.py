import socket
import sys

listener = socket.create_server(("0.0.0.0", int(sys.argv[2])))
number = 0
while True:
    stream, peer_addr = listener.accept()
    number += 1
    with stream:
        if stream.recv(1024):
            stream.sendall(f"Hello! You are connection #{number}".encode())
