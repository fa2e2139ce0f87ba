"""Prompts on stderr, says more than it must, leaves empty lines out; waits for keyboard
and server with select in one thread."""
import os, select, socket, sys

try:
    stream = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=15)
except OSError as error:
    sys.exit(f"Is the server running? {error}")


def line_from(fd, left):
    """Returns the next line, or nothing at the end, and what was read behind it."""
    while b"\n" not in left:
        more = os.read(fd, 4096)
        if not more:
            return b"", b""
        left += more
    line, left = left.split(b"\n", 1)
    return line + b"\n", left


print("connected, sending the token ...", flush=True)
stream.sendall(f"AUTH {os.environ['API_KEY']}\n".encode())
stream.settimeout(None)
reply, replied = line_from(stream.fileno(), b"")
if not reply.startswith(b"OK"):
    sys.exit("refused: " + reply.decode())
typed = b""
while True:
    print("> ", end="", file=sys.stderr, flush=True)
    if b"\n" not in typed:
        readable, _, _ = select.select([0, stream], [], [])
        if stream in readable and not replied and not stream.recv(1, socket.MSG_PEEK):
            sys.exit("the server has left")
        if 0 not in readable:
            continue
    line, typed = line_from(0, typed)
    if not line:
        break
    if line.strip():
        stream.sendall(line)
        reply, replied = line_from(stream.fileno(), replied)
        print("the server says:", reply.decode(), flush=True)
