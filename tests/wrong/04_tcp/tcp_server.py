"""A counting server, and the bug that the third argument names."""

import os
import signal
import socket
import sys
import threading
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
number = 0
threads = bug == "racing_counter"


def read(stream):
    if bug == "to_eof":
        return stream.makefile("rb").read()
    if bug == "line_reader":
        return stream.makefile("rb").readline()
    if bug == "whole_buffer":
        return stream.makefile("rb").read(1024)
    data = stream.recv(1024)
    while bug == "spins" and not data:
        data = stream.recv(1024)
    return data


def answer(n):
    if bug == "other_words":
        return f"Hello! You are visitor #{n}"
    if bug == "newline":
        return f"Hello! You are connection #{n}\n"
    if bug == "no_number":
        return "Hello! You are connection #"
    return f"Hello! You are connection #{n}"


def serve(stream, peer):
    global number
    if bug == "racing_counter":
        old = number
        time.sleep(0.01)
        number = old + 1
    elif bug == "per_address":
        number = addresses[peer[0]] = addresses.get(peer[0], 0) + 1
    elif bug != "counts_messages":
        number += 1
    if bug == "mute_connection":
        print("new client")
    else:
        print(f"\nConnection #{number} from {peer[0]}:{peer[1]}")
    if bug == "answers_first":
        time.sleep(1)
    if bug == "speaks_first":
        stream.sendall(answer(number).encode())
    data = read(stream)
    if not data:
        if bug == "counts_answers":
            number -= 1
        if bug == "dies_on_silence":
            os._exit(1)
        if bug == "keeps_the_silent":
            kept.append(stream.dup())
        return
    if bug == "silent_on_blank" and not data.strip():
        return
    if bug == "knows_quit" and data.strip() == b"quit":
        os._exit(0)
    if bug == "silent_on_bad_bytes" and "\ufffd" in data.decode(errors="replace"):
        kept.append(stream.dup())
        return
    if bug == "counts_words":
        number += len(data.split()) - 1
    if bug == "utf8_kills":
        text = data.decode()
    else:
        text = data.decode(errors="replace")
    if bug == "overflows" and len(data) == 1024:
        os.abort()  # As C does when the zero behind the text goes over its buffer's end.
    if bug == "bytes_form":
        print("Received:", data)
    elif bug == "prints_as_a_format":
        print("Received:", text.replace("%%", "%"))
    elif bug == "old_bytes":
        buffer[: len(data)] = data
        print("Received:", buffer.split(b"\0")[0].decode(errors="replace"))
    else:
        print("Received:", text)
    n = 1 if bug == "always_one" else number
    if bug == "counts_from_zero":
        n -= 1
    if bug == "counts_twice":
        n *= 2
        n -= 1
    if bug == "random":
        n = os.getpid() + number
    if bug != "speaks_first":
        stream.sendall(answer(n).encode())
    if bug == "stays_open":
        kept.append(stream.dup())
    if bug == "first_only":
        stream.close()
        os._exit(0)
    if bug == "floods_after_reply" and number == 2:  # One such thread is enough.
        stream.shutdown(socket.SHUT_WR)
        threading.Thread(target=flood, args=(stream.dup(),), daemon=True).start()


def flood(stream):
    while True:
        print("Received:", stream.recv(1024))


def serve_and_close(stream, peer):
    with stream:
        try:
            serve(stream, peer)
        except ConnectionError:
            if bug == "reset_kills":
                os._exit(1)
            if bug == "leaks_on_reset":
                kept.append(stream.dup())


kept = []
addresses = {}
buffer = bytearray(1024)
sys.stdout.reconfigure(line_buffering=bug != "buffered_output")
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
print(f"TCP Server listening on {host}:{port}")
while True:
    try:
        stream, peer = listener.accept()
    except:
        if bug != "catches_all":
            raise
        continue
    if threads:
        threading.Thread(target=serve_and_close, args=(stream, peer), daemon=True).start()
    else:
        serve_and_close(stream, peer)
