"""http_manual_client that speaks HTTP/1.0, where the server closes by itself (F20, F19)."""
import socket
import sys

try:
    conn = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
except OSError as error:
    print("2026-01-01 ERROR", error)
    sys.exit(0)
print("[info] Connected to", conn.getpeername())
request = f"GET / HTTP/1.0\r\nhost: {sys.argv[1]}:{sys.argv[2]}\r\naccept: */*\r\n\r\n"
for part in request[:9], request[9:]:
    conn.sendall(part.encode())
print("[info] Sent HTTP request:\n" + request)
print("[info] Received HTTP response:")
with conn.makefile("rb") as stream:
    head = b""
    length = None
    for line in stream:
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line in (b"\r\n", b"\n"):
            break
    print(head.decode())
    print(stream.read(length).decode() if length else stream.read().decode())
