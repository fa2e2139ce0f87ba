"""A client that closes its side first and prints the end when the server has closed, too."""

import socket
import sys

try:
    server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
except OSError as error:
    print("Error:", error, "\nConnection to server closed")
    sys.exit(1)
with server:
    print("Enter message: ", end="", flush=True)
    for line in sys.stdin:
        message = line.rstrip("\r\n").encode()[:1024].decode(errors="ignore").encode()
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
