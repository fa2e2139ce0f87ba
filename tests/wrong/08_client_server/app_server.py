"""A right app_server with one bug, named by the third argument."""

import os
import socket
import sys
import threading
import time

HOST, PORT, BUG = sys.argv[1], int(sys.argv[2]), sys.argv[3]
PLACES = {"exhausts_its_pool": 100, "has_few_places": 30}
POOL = threading.Semaphore(PLACES.get(BUG, 10**6))
KEPT = []


def echo(stream, peer):
    buf = bytearray()
    while True:
        if BUG == "reads_lines":
            message = b"".join(iter(lambda: stream.recv(1), b"\n"))
        else:
            message = part = stream.recv(4096 if BUG == "cuts_long_messages" else 1024)
        while BUG == "waits_when_full" and len(part) == 1024:
            part = stream.recv(1024)
            message += part
        if not message:
            return
        if BUG == "knows_quit" and message.strip().lower() in (b"quit", b"exit"):
            return
        if BUG == "dies_of_bytes":
            try:
                message.decode()
            except UnicodeDecodeError:
                os._exit(1)
        shown = message if BUG == "prints_bytes" else message.decode(errors="replace")
        if BUG == "prints_the_whole_buffer":
            buf[: len(message)] = message
            shown = bytes(buf).decode(errors="replace")
        if BUG == "prints_as_a_format":
            shown = shown.replace("%%", "%")
        who = LATEST if BUG == "names_the_latest" else peer
        print(f"Received from {who[0]}:{who[1]}: {shown}", flush=True)
        if BUG == "trims":
            message = message.strip()
        if BUG == "as_a_format":
            message = message.replace(b"%%", b"%")  # As C's printf and its family do.
        if BUG == "ends_at_a_nul":
            message = message.partition(b"\0")[0]
        if BUG == "makes_text_of_pieces":
            message = message.decode(errors="replace").encode()
        if BUG == "takes_line_ends_off":
            message = message.rstrip(b"\r\n")
        if BUG == "ignores_blanks" and not message.strip():
            continue
        if BUG == "cuts_long_messages":
            message = message[:1024]
        end = b"\n" if BUG == "adds_a_line_end" else b""
        stream.sendall(b"Server echo: " + message + end)
        if BUG == "answers_once":
            return


def handle(stream, peer):
    try:
        with stream:
            echo(stream, peer)
    except OSError:
        if BUG == "dies_of_a_reset":
            os._exit(1)
        if BUG == "keeps_lost_clients":
            KEPT.append(open(os.devnull))
    print(f"Connection closed by {peer[0]}:{peer[1]}", flush=True)
    if BUG == "floods_its_output":
        for _ in range(20):
            print("Received: \n" * 100, flush=True)
            time.sleep(0.02)
    print(f"Connection handler closed for {peer[0]}:{peer[1]}", flush=True)
    if BUG == "has_few_places":
        POOL.release()
    if BUG == "keeps_its_threads":
        time.sleep(1000)


listener = socket.socket()
if BUG != "cannot_restart":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listener.bind(("0.0.0.0" if BUG == "on_all_interfaces" else HOST, PORT))
except OSError as error:
    print(f"Cannot listen: {error}", file=sys.stderr)
    sys.exit(0 if BUG == "ends_well_without_a_port" else 1)
listener.listen(128)
print("Server started, waiting for connections...", flush=True)
while True:
    try:
        stream, peer = listener.accept()
        LATEST = peer
    except KeyboardInterrupt:
        if BUG == "swallows_ctrl_c":  # As except: does, without a name of an exception.
            continue
        raise
    print(f"New connection from {peer[0]}:{peer[1]}", flush=True)
    POOL.acquire()
    if BUG == "one_at_a_time":
        handle(stream, peer)
    else:
        threading.Thread(target=handle, args=(stream, peer), daemon=True).start()
    if BUG not in PLACES:
        POOL.release()
