"""Ada's tcp_server: all is right."""

import socket
import sys

listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
number = 0
while True:
    client, (host, port, *_) = listener.accept()
    number += 1
    # flush: otherwise the lines wait in a buffer when stdout is no terminal.
    print(f"\nConnection #{number} from {host}:{port}", flush=True)
    try:
        client.settimeout(30)
        message = client.recv(1024)
        if message:
            print("Received:", message.decode(errors="replace"), flush=True)
            client.sendall(f"Hello! You are connection #{number}".encode())
            client.shutdown(socket.SHUT_WR)
            client.settimeout(0.5)
            while client.recv(4096):
                pass
    except OSError:
        pass  # One client's failure never ends the server.
    finally:
        client.close()
