"""An echo client that knows how much must come back, and counts."""

import socket
import sys

MESSAGE = b"Hello, Server!"

try:
    server = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
except OSError as error:
    sys.exit(f"no connection: {error}")
with server:
    server.sendall(MESSAGE)
    reply = b""
    try:
        while len(reply) < len(MESSAGE):
            part = server.recv(len(MESSAGE) - len(reply))
            if not part:
                sys.exit(f"the server has gone after {len(reply)} bytes")
            reply += part
    except OSError as error:
        sys.exit(f"no reply: {error}")
print(f"Received '{reply.decode(errors='replace')}'")
