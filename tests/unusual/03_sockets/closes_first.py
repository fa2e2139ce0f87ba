"""A client that closes its side first and prints the end when the server has closed, too."""

import os
import select
import socket
import sys


def lines(server):
    """The lines of the input, until it ends or the server has ended."""
    typed = b""
    while True:
        ready = select.select([0, server], [], [])[0]
        if server in ready and not server.recv(1, socket.MSG_PEEK):
            return
        piece = os.read(0, 4096) if 0 in ready else None
        if piece == b"":
            return
        *whole, typed = (typed + (piece or b"")).split(b"\n")
        yield from whole


try:
    server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
except OSError as error:
    print("Error:", error, "\nConnection to server closed")
    sys.exit(1)
with server:
    print("Enter message: ", end="", flush=True)
    for line in lines(server):
        message = line.rstrip(b"\r")[:1024].decode(errors="ignore").encode()
        server.sendall(message or b" ")
        reply = server.recv(1024)
        if not reply:
            break
        print("Received:", reply.decode(errors="replace"), flush=True)
        if reply == b"closed":
            break
        print("Enter message: ", end="", flush=True)
    try:
        server.shutdown(socket.SHUT_WR)
        while server.recv(1024):
            pass
    except OSError:
        pass  # The server was faster.
print("Connection to server closed")
