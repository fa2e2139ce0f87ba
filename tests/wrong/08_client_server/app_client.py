"""A right app_client with one bug, named by the third argument."""

import os
import socket
import sys
import threading
import time

HOST, PORT, BUG = sys.argv[1], int(sys.argv[2]), sys.argv[3]
has_sent = False


def watch(server):
    """Ends the program when the server closes or has answered."""
    reply = server.recv(2048)
    while has_sent and not reply and BUG == "waits_for_a_reply_after_the_end":
        reply = server.recv(2048)
    if reply and BUG == "hangs_on_no_text":
        reply.decode()
    if reply:
        shown = reply if BUG == "prints_bytes" else reply.decode(errors="replace")
        print(f"Received from server: {shown}", flush=True)
        os._exit(3 if BUG == "ends_badly" else 0)
    print("The server closed", flush=True)
    os._exit(1)


def read_line():
    while True:
        line = sys.stdin.readline()
        if line.rstrip("\n"):
            return line.rstrip("\n")
        if not line and BUG != "waits_after_the_input":
            sys.exit(0)
        time.sleep(0.05)


try:
    server = socket.create_connection((HOST, PORT))
except OSError as error:
    if BUG == "crashes_when_refused":
        raise
    print(f"Cannot connect: {error}")
    sys.exit(1)
prompt = "Enter a message to send to the server: "
print(prompt, end="", flush=BUG != "hides_its_prompt")
if BUG not in ("waits_for_the_user_only",):
    threading.Thread(target=watch, args=(server,), daemon=True).start()
line = read_line()
if BUG == "trims":
    line = line.strip()
if BUG == "cuts_the_line":
    line = line[:1024]
if BUG == "sends_the_line_end":
    line += "\n"
has_sent = True
server.sendall(line.encode())
if BUG == "waits_for_the_user_only":
    watch(server)
time.sleep(20)
