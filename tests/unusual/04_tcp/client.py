"""A client that starts slowly, reads to the end, and prints more than is asked for."""

import socket
import sys
import time

host, port, step = sys.argv[1], int(sys.argv[2]), sys.argv[3]
message = b"Hello, Server!" if step == "echo_client" else b"Hello from client!"
time.sleep(1)
try:
    with socket.create_connection((host, port)) as server:
        print("[client] connected,", "Received bytes follow", file=sys.stderr)
        server.sendall(message)
        if step != "tcp_client":
            server.shutdown(socket.SHUT_WR)
        text = b"".join(iter(lambda: server.recv(7), b"")).decode(errors="ignore")
except OSError as error:
    print("\033[31mOops:\033[0m", error)
    sys.exit(0)
quoted = f'Received "{text}"' if step == "echo_client" else f"Received: {text}"
print(f"12:00:00 {quoted} ({len(text)} characters)")
