"""A correct message client that does things in its own way, as the third argument says."""

import socket
import sys

host, port, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]
prompts = sys.stderr if way == "prompt_on_stderr" else sys.stdout
try:
    stream = socket.create_connection((host, port))
    while True:
        print("Enter message: ", end="", file=prompts, flush=True)
        line = sys.stdin.readline()
        if not line:
            break
        text = line.rstrip("\n")
        if way == "skips_empty" and not text:
            continue
        stream.sendall(text.encode()[:1024].decode(errors="ignore").encode())
        answer = stream.recv(1024)
        if not answer:
            break
        if answer == b"closed":
            if way == "says_closed":
                print("Received: closed", flush=True)
            break
        if way == "redraws":
            print(f"\rReceived: {answer.decode()}\nEnter message: ", end="", flush=True)
        else:
            print(f"Received: {answer.decode()}", flush=True)
except OSError as error:
    print(f"Error: {error}")
    print("Connection to server closed")
    sys.exit(1 if way == "status_1" else 0)
print("Connection to server closed")
