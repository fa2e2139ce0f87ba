"""A threaded echo server, and the bug that the third argument names."""

import os
import select
import signal
import socket
import sys
import threading
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
places = threading.Semaphore(100 if bug == "lost_places" else 30)
kept = []
floods = []
latest = None
latest_name = None
shared = bytearray(1024)
PREFIX = b"echo: " if bug == "small_prefix" else b"Echo: "


def reply_to(data):
    if bug == "no_prefix":
        return data
    if bug == "trims":
        data = data.strip()
    if bug == "strips_line_end":
        data = data.rstrip(b"\r\n")
    if bug == "as_a_format":
        data = data.replace(b"%%", b"%")  # As C's printf and its family do.
    if bug == "cuts_characters":
        data = data.decode(errors="replace").encode()
    if bug == "stops_at_zero":
        data = data.split(b"\0")[0]
    if bug == "upper":
        data = data.upper()
    if bug == "newline":
        data += b"\n"
    return PREFIX + data


def receive(stream):
    if bug == "line_reader":
        return stream.makefile("rb").readline()
    if bug == "to_eof":
        return stream.makefile("rb").read()
    if bug == "shared_buffer":
        size = stream.recv_into(shared)
        time.sleep(0.02)
        return bytes(shared[:size])
    data = part = stream.recv(1024)
    while bug == "waits_when_full" and len(part) == 1024:
        part = stream.recv(1024)
        data += part
    return data


def converse(stream, name):
    buffer = bytearray(1024)
    while True:
        data = receive(stream)
        if not data:
            if bug == "log_flood" and len(floods) < 3:  # Three such threads are enough.
                floods.append(name)
                while True:
                    print(f"Received from {name}: ")
                    time.sleep(0.001)
            if bug == "stays_open":
                kept.append(stream.dup())
            return
        if bug == "utf8_kills":
            try:
                data.decode()
            except UnicodeDecodeError:
                os._exit(1)
        if bug == "knows_quit" and data.strip() in (b"quit", b"exit"):
            return
        if bug == "knows_quit_alone" and data == b"quit":
            return
        if bug == "knows_close" and data.strip().lower() in (b"close", b"bye"):
            return
        if bug == "bytes_form":
            print(f"Received from {name}: {data}")
        elif bug == "prints_as_a_format":
            print(f"Received from {name}:", data.decode(errors="replace").replace("%%", "%"))
        elif bug == "old_bytes":
            buffer[: len(data)] = data
            text = buffer.split(b"\0")[0].decode(errors="replace")
            print(f"Received from {name}: {text}")
        elif bug == "names_the_latest":
            print(f"Received from {latest_name}:", data.decode(errors="replace"))
        elif bug == "no_peer":
            print("Received:", data.decode(errors="replace"))
        else:
            print(f"Received from {name}:", data.decode(errors="replace"))
        if bug == "silent_on_blank" and not data.strip():
            continue
        target = stream
        if bug == "answers_the_latest":
            target = latest
            stream.getpeername()  # Fails for who has gone: nobody hears the answer to him.
        if bug == "drops_long" and len(data) == 1024:
            target.sendall(reply_to(data[:1000]))
        elif bug == "closes_on_long" and len(data) == 1024:
            return
        else:
            target.sendall(reply_to(data))
        if bug == "one_message":
            return


def serve(stream, peer):
    name = f"{peer[0]}:{peer[1]}"
    print(f"New connection from {name}")
    try:
        converse(stream, name)
        print(f"Connection closed by {name}")
        if bug == "lost_places":
            places.release()
    except OSError as error:
        if bug == "reset_kills":
            os._exit(1)
        print(f"Error with client {name}: {error}")
        if bug == "stays_on_reset":
            time.sleep(60)
    finally:
        if bug == "leaks_sockets":
            kept.append(stream)
            stream.shutdown(socket.SHUT_RDWR)
        else:
            stream.close()
        if bug != "no_farewell":
            print(f"Connection handler closed for {name}")
        if bug == "leaks_threads":
            time.sleep(60)
        if bug not in ("pool_runs_dry", "few_places"):
            return
        if bug == "few_places":
            places.release()


def serve_in_one_loop():
    """Waits for all clients, and then for one of them, which may not read."""
    names = {}
    while True:
        ready, _, _ = select.select([listener, *names], [], [])
        for stream in ready:
            if stream is listener:
                stream, peer = listener.accept()
                names[stream] = f"{peer[0]}:{peer[1]}"
                print(f"New connection from {names[stream]}")
                continue
            try:
                data = stream.recv(1024)
                if data:
                    print(f"Received from {names[stream]}:", data.decode(errors="replace"))
                    stream.sendall(reply_to(data))
                    continue
            except OSError as error:
                print(f"Error with client {names[stream]}: {error}")
            print(f"Connection closed by {names[stream]}")
            print(f"Connection handler closed for {names.pop(stream)}")
            stream.close()


sys.stdout.reconfigure(line_buffering=True)
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
print(f"Server started on {host}:{port}, waiting for connections...")
if bug == "one_loop":
    serve_in_one_loop()
if bug == "limits_accept":
    listener.settimeout(5)
while True:
    try:
        stream, peer = listener.accept()
    except KeyboardInterrupt:
        if bug == "swallows_ctrl_c":  # As except: does, without a name of an exception.
            continue
        raise
    latest = stream
    latest_name = f"{peer[0]}:{peer[1]}"
    if bug == "first_only":
        threading.Thread(target=serve, args=(stream, peer)).start()
        time.sleep(3600)
    if bug == "impatient":
        stream.settimeout(2)
    if bug == "one_at_a_time":
        serve(stream, peer)
        continue
    if bug in ("pool_runs_dry", "few_places", "lost_places"):
        places.acquire()
    thread = threading.Thread(target=serve, args=(stream, peer), daemon=True)
    thread.start()
    print(f"Started thread {thread.name} for {peer[0]}:{peer[1]}")
    if bug == "joins":
        thread.join()
