"""A correct message client that does things in its own way, as the third argument says."""

import os
import select
import socket
import sys

host, port, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]
typed = b""


def next_line(stream):
    """The next line; empty when the input or the server has ended."""
    global typed
    while b"\n" not in typed:
        ready = select.select([0, stream], [], [])[0]
        if stream in ready and not stream.recv(1, socket.MSG_PEEK):
            return ""
        if 0 in ready:
            piece = os.read(0, 4096)
            if not piece:
                return ""
            typed += piece
    line, _, typed = typed.partition(b"\n")
    return line.decode() + "\n"


prompts = sys.stderr if way == "prompt_on_stderr" else sys.stdout
try:
    stream = socket.create_connection((host, port))
    while True:
        print("Enter message: ", end="", file=prompts, flush=True)
        line = next_line(stream)
        if not line:
            break
        text = line.rstrip("\r\n")
        if not text:
            if way == "skips_empty":
                continue
            text = " "  # The server knows no empty message.
        stream.sendall(text.encode()[:1024].decode(errors="ignore").encode())
        answer = stream.recv(1024)
        if not answer:
            break
        if answer == b"closed":
            if way == "says_closed":
                print("Received: closed", flush=True)
            break
        if way == "redraws":
            print(f"\rReceived: {answer.decode(errors='replace')}\nEnter message: ", end="", flush=True)
        else:
            print(f"Received: {answer.decode(errors='replace')}", flush=True)
except OSError as error:
    print(f"Error: {error}")
    print("Connection to server closed")
    sys.exit(1 if way == "status_1" else 0)
print("Connection to server closed")
