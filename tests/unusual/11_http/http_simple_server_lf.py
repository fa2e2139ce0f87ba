"""http_simple_server with LF alone in its head, as the Python original has it (F5)."""
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count

HOST, PORT = sys.argv[1], int(sys.argv[2])
NUMBERS = count(1)


def serve(conn):
    with conn:
        try:
            conn.settimeout(5)
            buf = b""
            while b"\r\n\r\n" not in buf:
                data = conn.recv(512)
                if not data or len(buf) > 100_000:
                    return
                buf += data
            words = buf.split(b"\r\n")[0].split(b" ")
            if len(words) != 3:
                return
            page = f"<p>You are visitor #{next(NUMBERS)}</p>"
            page = "<h1>Hello from a Socket!</h1>\n\n\n   " + page
            conn.sendall(b"HTTP/1.0 200 Hello\nX-A: b\ncontent-type:text/html\n\n")
            if words[0] != b"HEAD":
                conn.sendall(page.encode())
            conn.shutdown(socket.SHUT_WR)
            conn.recv(65536)
        except OSError:
            pass


try:
    listener = socket.create_server((HOST, PORT), backlog=200)
except OSError as error:
    sys.exit(f"cannot listen: {error}")
with ThreadPoolExecutor(60) as pool:
    while True:
        pool.submit(serve, listener.accept()[0])
