"""Prompts on stderr, waits for both sides in one thread, prints more than it must."""

import selectors
import socket
import sys

try:
    server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
except OSError as error:
    sys.exit(f"cannot connect: {error} (is the server running?)")
print("Connected to the server", flush=True)
sys.stderr.write("Enter a message to send to the server: ")
sys.stderr.flush()
selector = selectors.DefaultSelector()
selector.register(sys.stdin, selectors.EVENT_READ)
selector.register(server, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj is server:
            reply = server.recv(4096)
            if not reply:
                sys.exit("the server has closed")
            print("INFO reply:")
            print(f"Received from server: {reply.decode()}", flush=True)
            sys.exit(0)
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        selector.unregister(sys.stdin)
        server.sendall(line.rstrip("\r\n").encode())
