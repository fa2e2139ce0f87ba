"""Prompts on stderr, says more than it must, leaves empty lines out."""
import os, socket, sys

try:
    stream = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=15)
except OSError as error:
    sys.exit(f"Is the server running? {error}")
replies = stream.makefile()
print("connected, sending the token ...", flush=True)
stream.sendall(f"AUTH {os.environ['API_KEY']}\n".encode())
if not (reply := replies.readline()).startswith("OK"):
    sys.exit("refused: " + reply)
for line in map(str.strip, sys.stdin):
    if line:
        print("> ", end="", file=sys.stderr, flush=True)
        stream.sendall(f"{line}\n".encode())
        print("the server says:", replies.readline(), flush=True)
