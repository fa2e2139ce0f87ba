"""An echo server, and the bug that the third argument names."""

import os
import signal
import socket
import sys
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def interrupted(signum, frame):
    if bug == "ctrl_c_ignored":
        return
    if bug == "ctrl_c_status":
        print("Server shutting down")
        os._exit(130)
    if bug != "ctrl_c_silent":
        print("Server shutting down", flush=True)
    os._exit(0)


def reply_to(data):
    if bug == "trims":
        return data.strip(b" ")
    if bug == "strips_line_end":
        return data.rstrip(b"\n")
    if bug == "upper":
        return data.decode("latin-1").upper().encode("latin-1")
    if bug == "re_encodes":
        return data.decode("utf-8", errors="replace").encode("latin-1", errors="replace")
    if bug == "drops_cr":
        return data.replace(b"\r\n", b"\n")
    if bug == "newline":
        return data + b"\n"
    if bug == "prefix":
        return b"Echo: " + data
    if bug == "cuts_characters":
        return data.decode(errors="replace").encode()
    if bug == "drops_cut_characters":
        return data.decode(errors="ignore").encode()
    if bug == "as_a_format":
        return data.replace(b"%%", b"%")  # As C's printf and its family do.
    if bug == "stops_at_zero":
        return data.split(b"\0")[0]
    return data


def receive(stream):
    try:
        return stream.recv(1024)
    except ConnectionError:
        if bug == "read_error_kills":
            os._exit(1)
        raise


def converse(stream):
    heard = False
    while True:
        if bug == "line_reader":
            data = stream.makefile("rb").readline()
        elif bug == "to_eof":
            data = stream.makefile("rb").read()
        else:
            data = receive(stream)
        if bug == "waits_when_full":
            data = bytearray(data)
            last = len(data)
            while last == 1024:
                more = receive(stream)
                last = len(more)
                data += more
        if not data:
            if bug == "dies_on_silence" and not heard:
                os._exit(1)
            if bug == "log_flood":
                print("Received: ")
                continue
            if bug == "never_closes":
                kept.append(stream.dup())
            if bug == "keeps_the_silent" and not heard:
                kept.append(stream.dup())
            return
        if bug == "stops_on_blank_first" and not heard and not data.strip():
            return
        heard = True
        if bug == "knows_quit" and data.strip() == b"quit":
            return
        if bug == "knows_quit_exactly" and data == b"quit":
            return
        if bug == "knows_close" and data.strip() == b"close":
            return
        if bug == "mute":
            pass
        elif bug == "prints_as_a_format":
            print("Received:", data.decode(errors="replace").replace("%%", "%"))
        elif bug == "old_bytes":
            buffer[: len(data)] = data
            print("Received:", buffer.split(b"\0")[0].decode(errors="replace"))
        elif bug == "bytes_form":
            print("Received:", data)
        elif bug == "whole_buffer":
            print("Received:", data.ljust(1024, b"\0").decode(errors="replace"))
        elif bug == "utf8_kills":
            print("Received:", data.decode())
        else:
            print("Received:", data.decode(errors="replace"))
        if bug == "partial_send":
            stream.setblocking(False)
            try:
                stream.send(reply_to(data))
            except BlockingIOError:
                pass
            stream.setblocking(True)
        elif bug == "last_kilobyte" and len(data) == 1024:
            stream.sendall(data[:-1])
        else:
            stream.sendall(reply_to(data))
        if bug == "one_message":
            return


kept = []
buffer = bytearray(1024)
sys.stdout.reconfigure(line_buffering=True)
signal.signal(signal.SIGINT, interrupted)
if bug == "broken_pipe_ends":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # As it is in C.
try:
    if bug == "any_port":
        port = 0
    if bug == "all_interfaces":
        host = "0.0.0.0"
    listener = socket.socket()
    if bug != "no_reuse":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(128)
except OSError as error:
    if bug == "in_use_status_0":
        print("Error:", error)
        sys.exit(0)
    if bug == "in_use_silent":
        sys.exit(1)
    sys.exit(f"Error: {error}")
print(f"Server started on {host}:{port}")
while True:
    stream, peer = listener.accept()
    print(f"Connected by {peer[0]}:{peer[1]}")
    with stream:
        try:
            converse(stream)
        except ConnectionError:
            if bug == "reset_kills":
                os._exit(1)
            if bug == "leaks_on_reset":
                kept.append(stream.dup())
    if bug != "no_farewell":
        print(f"Connection closed with {peer[0]}:{peer[1]}")
    if bug == "first_only":
        sys.exit(0)
