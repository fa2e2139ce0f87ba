"""UDP clients that do everything right in an unusual way: an unconnected socket that looks
at the sender itself, a prompt on stderr, an answer within quotes, words of their own."""

import socket
import sys
import time

host, port, step = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.stdout.reconfigure(encoding="utf-8")
sys.stdin.reconfigure(encoding="utf-8")

if step == "udp_client":
    text = "Hello from UDP client!"
elif step == "udp_sender":
    text = "Message"
else:
    print("Enter a message to send to the server: ", end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        sys.exit(130)
    text = line.removesuffix("\n")

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    time.sleep(0.2)
    sock.sendto(text.encode(), (host, port))
    if step == "udp_sender":
        print("sent, and gone")
        sys.exit(0)
    end = time.monotonic() + 6
    while True:
        left = end - time.monotonic()
        if left <= 0:
            print("ERROR: no answer, is the server running?")
            sys.exit(4)
        sock.settimeout(left)
        try:
            data, peer = sock.recvfrom(2048)
        except TimeoutError:
            continue
        if peer == (host, port):
            break
print(f'[client] Received from {peer}: "{data.decode()}"')
