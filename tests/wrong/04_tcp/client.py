"""The client of chapter 4 or 7 that the third argument names, and a bug, the fourth."""

import socket
import sys
import time

host, port, step, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
message = "Hello, Server!" if step == "echo_client" else "Hello from client!"
default = {"tcp_client": 8080}.get(step, 65432)


def received(data):
    if bug == "bytes_form":
        return f"Received: {data!r}"
    if bug == "strict_utf8":
        text = data.decode()
    else:
        text = data.decode(errors="replace")
    if bug == "ascii":
        text = data.decode("ascii", errors="ignore")
    if bug == "whole_buffer":
        text = text.ljust(1024, "\0")
    if bug == "no_label":
        return text
    if step == "echo_client":
        return f"Received '{text}'"
    return f"Received: {text}"


if bug == "default_port":
    port = default
if bug == "own_machine":
    host = "127.0.0.1"
try:
    server = socket.create_connection((host, port))
except OSError as error:
    if bug == "refused_traceback":
        raise
    if bug == "refused_silent":
        sys.exit(1)
    if bug == "refused_retries_for_ever":
        time.sleep(60)
    sys.exit(f"Error: {error}")
print(f"Connected to {host}:{port}")
if bug == "newline":
    message += "\n"
elif bug == "other_words":
    message = message.replace("!", ".")
elif bug == "lower":
    message = message.lower()
elif bug == "twice":
    message *= 2
server.sendall(message.encode())
if bug == "impatient":
    server.settimeout(1)
if bug == "no_reply_wanted":
    server.close()
    sys.exit(0)
try:
    data = server.recv(28 if bug == "one_digit" else 1024)
    while bug == "spins" and not data:
        data = server.recv(1024)
    more = data
    counts = step == "echo_client" and bug != "one_read"
    while more and (bug == "to_eof" or counts and len(data) < len(message)):
        more = server.recv(1024)
        data += more
    if bug == "asserts":
        assert data
except TimeoutError:
    sys.exit("Error: timed out")
except ConnectionError as error:
    if bug == "reset_traceback":
        raise
    sys.exit(f"Error: {error}")
if data:
    print(received(data))
    if bug == "says_bye":
        server.sendall(b"bye")
if bug == "status":
    sys.exit(3)
if bug == "never_ends":
    time.sleep(60)
