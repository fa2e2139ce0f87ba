"""A client that waits with a limit, and the bug that the third argument names."""

import select
import socket
import sys
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
try:
    stream = socket.create_connection((host, port))
except OSError as error:
    if bug == "refused_traceback":
        raise
    sys.exit("" if bug == "refused_silent" else f"Error: {error}")
if bug == "talks":
    stream.sendall(b"Hello")
limit = {"no_wait": 0, "no_timeout": None, "impatient": 0.3, "patient": 10}.get(bug, 5)
ready, end = [], time.monotonic() + 5
while bug == "asks_again" and not ready and time.monotonic() < end:
    ready, _, _ = select.select([stream], [], [], 0)
if bug != "asks_again":
    ready, _, _ = select.select([stream], [], [], limit)
if ready:
    data = stream.recv(1024)
    while not data and bug == "end_spins":
        data = stream.recv(1024)
    text = data.decode(errors="replace")
    print(len(data) if bug == "length" else data if bug == "bytes_form" else text)
if not ready or bug == "both_lines":
    print("nothing" if bug == "timeout_text" else "Timeout waiting for data")
