"""A careful TCP client, and the bug that the third argument names."""

import socket
import sys

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def fail(text):
    print(text, flush=True)
    sys.exit(0 if bug == "status_0" else 1)


try:
    stream = socket.create_connection((host, port), None if bug == "connect_no_limit" else 5)
    stream.settimeout({"no_timeout": None, "impatient": 0.5, "patient": 12}.get(bug, 5))
    stream.sendall(b"Hello\n" if bug == "newline" else b"Hello")
    answer = stream.recv(1024)
    while not answer and bug == "eof_spins":
        answer = stream.recv(1024)
    text = answer.decode(errors="replace")
    print("Received:", answer if bug == "bytes_form" else text, flush=True)
    sys.exit(3 if bug == "status" else 0)
except socket.gaierror as error:
    if bug == "host_traceback":
        raise
    fail(f"Error: {error}" if bug == "host_text" else "Invalid hostname")
except socket.timeout:
    fail("Error: timed out" if bug == "timeout_text" else "Connection timed out")
except ConnectionRefusedError as error:
    if bug == "refused_traceback":
        raise
    fail(f"Error: {error}" if bug == "refused_text" else "Connection refused - is server running?")
except OSError as error:
    if bug == "end_traceback":
        raise
    sys.exit(1) if bug == "no_error_line" else fail(f"Error: {error}")
