import socket
import sys

listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
number = 0
while True:
    stream, peer_addr = listener.accept()
    with stream:
        if stream.recv(1024):
            stream.sendall(f"Hello! You are connection #{number}".encode())
    number += 1
