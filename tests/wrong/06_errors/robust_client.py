"""A robust client, and the bug that the third argument names."""

import socket
import sys

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.stdout.reconfigure(line_buffering=True)
status = 1
try:
    limit = {"connect_no_timeout": None, "connect_impatient": 2}.get(bug, 10)
    try:
        stream = socket.create_connection((host, port), timeout=limit)
    except socket.timeout:
        if bug == "connect_traceback":
            raise RuntimeError("not connected")
        if bug != "connect_text":
            print("Connection attempt timed out")
        sys.exit(0 if bug == "connect_status_0" else 1)
    print("Connected to the server")
    stream.settimeout({"no_timeout": None, "impatient": 0.5}.get(bug, 5))
    message = b"Hello, server!" if bug == "small_letter" else b"Hello, Server!"
    stream.sendall(message + b"\n" if bug == "newline" else message)
    answer = stream.recv(1024)
    while not answer and bug == "eof_spins":
        answer = stream.recv(1024)
    print("Received from server:", answer if bug == "bytes_form" else answer.decode(errors="replace"))
    if bug != "no_last_line":
        print("Connection closed")
    status = 4 if bug == "status" else 0
except socket.timeout:
    if bug == "timeout_traceback":
        raise
    status = 0 if bug == "timeout_status_0" else 1
    print("Socket error: timed out" if bug == "timeout_text" else "Timeout error: No response from server")
except ConnectionRefusedError as error:
    if bug == "refused_traceback":
        raise
    status = 0 if bug == "refused_status_0" else 1
    print("refused" if bug == "refused_text" else f"Socket error: {error}")
except OSError as error:
    if bug == "end_traceback":
        raise
    status = 0 if bug == "end_status_0" else 1
    print(f"Socket error: {error}")
sys.exit(status)
