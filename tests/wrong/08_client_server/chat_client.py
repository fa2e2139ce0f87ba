"""A right chat_client with one bug, named by the third argument."""

import os
import socket
import sys
import threading
import time

HOST, PORT, BUG = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def show(server):
    """Prints what arrives, until the server closes."""
    try:
        while data := server.recv(1024):
            errors = "strict" if BUG == "dies_of_bytes" else "replace"
            # Past the buffer of print(), which would take an unseen prompt along.
            os.write(1, data.decode(errors=errors).encode() + b"\n")
    except OSError:
        if BUG == "dies_of_a_reset":
            raise
    if BUG != "waits_for_the_user_only":
        print("Disconnected from server", flush=True)
        os._exit(0)


try:
    server = socket.create_connection((HOST, PORT))
except OSError as error:
    if BUG == "crashes_when_refused":
        raise
    print("Could not connect to server. Is it running?")
    sys.exit(1)
print(f"Connected to server at {HOST}:{PORT}", flush=True)
if BUG != "reads_after_it_has_sent":
    threading.Thread(target=show, args=(server,), daemon=True).start()
while True:
    print("You: ", end="", flush=BUG != "hides_its_prompt")
    line = sys.stdin.readline()
    if not line:
        if BUG == "waits_after_the_input":
            time.sleep(1000)
        break
    text = line.removesuffix("\n")
    if not text.strip() and BUG != "sends_blank_lines":
        continue
    if BUG == "trims":
        text = text.strip()
    if BUG == "cuts_long_lines":
        text = text[:1024]
    small = text.strip() if BUG == "quits_in_small_letters_only" else text.strip().lower()
    is_quit = "quit" in small if BUG == "quits_on_part_of_a_word" else small == "quit"
    if is_quit and BUG == "leaves_without_a_word":
        break
    server.sendall((text if BUG == "sends_no_line_end" else text + "\n").encode())
    if is_quit:
        break
    if BUG == "reads_after_it_has_sent":
        server.settimeout(1)
        try:
            print(server.recv(1024).decode(errors="replace"), flush=True)
        except OSError:
            pass
os._exit(0)
