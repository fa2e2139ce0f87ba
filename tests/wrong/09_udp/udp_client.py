"""A UDP client, with or without a prompt, and the bug that the fourth argument names."""

import socket
import sys
import time

host, port, step, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
sys.stdout.reconfigure(encoding="utf-8")
sys.stdin.reconfigure(encoding="utf-8")

if step == "udp_client":
    text = "Hello from client!" if bug == "literal" else "Hello from UDP client!"
    if bug == "newline":
        text += "\n"
else:
    prompt = "Enter a message to send to the server: "
    if bug == "no_prompt":
        prompt = ""
    if bug == "no_flush":
        sys.stdout.write(prompt)
        line = sys.stdin.buffer.readline().decode()
    else:
        print(prompt, end="", flush=True)
        line = sys.stdin.readline()
    while not line and bug == "eof_waits":
        time.sleep(60)
    if not line:
        if bug == "eof_traceback":
            raise EOFError("EOF when reading a line")
        sys.exit(0)
    text = line if bug == "newline" else line.rstrip("\r\n")
    if bug == "trims":
        text = text.strip()
    elif bug == "short_line":
        text = text[:99]
    elif bug == "ascii":
        text = text.encode("ascii", "replace").decode()

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((host, port))
if bug == "in_pieces":
    sock.send(text[:5].encode())
    text = text[5:]
sock.send(text.encode())
if bug == "two":
    sock.send(text.encode())
if bug == "says_sent":
    print(f"Sent to {host}:{port}")
if bug == "no_wait":
    sys.exit(0)
if bug != "no_timeout":
    sock.settimeout(0.5 if bug == "impatient" else 5)
try:
    data = sock.recv(64 if bug == "small" else 65535)
except OSError as error:
    if bug == "traceback" or (bug == "refused_traceback" and "timed" not in str(error)):
        raise
    if bug in ("silent_end", "says_sent"):
        sys.exit(1)
    if bug == "silent_timeout" and "timed" in str(error):
        sys.exit(1)
    if bug == "status_zero":
        print(f"no reply: {error}")
        sys.exit(0)
    sys.exit(f"no reply: {error}")
if bug == "bytes_form":
    print("Received:", data)
elif bug == "cut":
    print("Received from server:", data[:4].decode(errors="replace"))
elif bug == "own_port":
    print(f"Received from {host}:{sock.getsockname()[1]}:", data.decode(errors="replace"))
elif bug != "mute":
    print("Received from server:", data.decode(errors="replace"))
if bug == "status":
    sys.exit(3)
