"""A message server, and the bug that the third argument names."""

import os
import socket
import sys
import threading
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
threaded = bug.startswith("threaded_")
bug = bug.removeprefix("threaded_")
kept = []
streams = set()
latest = None
places = threading.Semaphore(30 if bug == "few_places" else 100)


def is_close(text):
    if bug == "case":
        return text == "close"
    if bug == "prefix":
        return text.lower().startswith("close")
    if bug == "contains":
        return "close" in text.lower()
    if bug == "strips_word":
        return text.strip().lower() == "close"
    if bug == "first_word":
        return text.split(" ")[0].lower() == "close"
    if bug == "last_word":
        return text.split(" ")[-1].lower() == "close"
    if bug == "a_line":
        return "close" in text.lower().splitlines()
    word = text.strip("\r\n").lower()
    if bug == "in_the_word":  # As `in ("close")`, which is no tuple, has it.
        return bool(word) and word in "close"
    if bug == "start_of_the_word":  # As C's strncmp(text, "close", len) has it.
        return bool(word.strip()) and "close".startswith(word)
    return word == "close"


def converse(stream):
    buffer = bytearray(1024)
    while True:
        if bug == "line_reader":
            data = stream.makefile("rb").readline()
        elif bug == "to_eof":
            data = stream.makefile("rb").read()
        else:
            data = stream.recv(1024)
        if not data:
            if bug == "spins":
                print("Received: ")
                continue
            return
        if bug == "drops_long" and len(data) == 1024:
            return
        if bug == "silent_when_long" and len(data) > 500:
            continue
        if bug == "silent_when_full" and len(data) == 1024:
            continue
        if bug == "utf8":
            text = data.decode()
        elif bug == "utf8_kills":
            try:
                text = data.decode()
            except UnicodeDecodeError:
                os._exit(1)
        elif bug == "utf8_ignored":
            try:
                text = data.decode()
            except UnicodeDecodeError:
                continue
        else:
            text = data.decode(errors="replace")
        if bug == "bytes_form":
            print("Received:", data)
        elif bug == "prints_as_a_format":
            print("Received:", text.replace("%%", "%"))
        elif bug == "old_bytes":
            buffer[: len(data)] = data
            print("Received:", buffer.split(b"\0")[0].decode(errors="replace"))
        elif bug != "mute":
            print("Received:", text)
        if is_close(text):
            stream.sendall(b"close" if bug == "close_for_closed" else b"closed")
            if bug == "stays_open":
                time.sleep(60)
            if bug == "one_close_for_all":
                for other in streams - {stream}:
                    other.shutdown(socket.SHUT_RDWR)
            return
        if bug == "silent_on_blank" and not text.strip():
            continue
        reply = b"accepted"
        if bug == "newline":
            reply = b"accepted\n"
        elif bug == "ok":
            reply = b"ok"
        elif bug == "echo":
            reply = data
        elif bug == "upper":
            reply = b"Accepted"
        stream.sendall(reply)
        if bug == "one_message":
            return


def serve(stream, peer):
    streams.add(stream)
    try:
        if bug != "no_connect_line":
            print(f"Accepted connection from {peer[0]}:{peer[1]}")
        converse(stream)
    except ConnectionError:
        if bug == "reset_kills":
            os._exit(1)
        if bug == "reset":
            raise
        if bug == "leaks_on_reset":
            kept.append(stream.dup())
    finally:
        streams.discard(stream)
        if bug == "first_only":
            print(f"Connection to client ({peer[0]}:{peer[1]}) closed")
            listener.shutdown(socket.SHUT_RDWR)
            os._exit(0)
        if bug == "leaks_sockets":
            kept.append(stream)
            stream.shutdown(socket.SHUT_RDWR)
        else:
            stream.close()
        if bug == "leaks_threads":
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        if bug == "few_places":
            places.release()
        if bug == "last_line":
            print("bye")
        elif bug == "names_the_latest":
            print(f"Connection to client ({latest[0]}:{latest[1]}) closed")
        elif threaded:
            print(f"Connection to client ({peer[0]}:{peer[1]}) closed")
        else:
            print("Connection to client closed")


sys.stdout.reconfigure(line_buffering=True)
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
print(f"Listening on {host}:{port}")
if threaded:
    while True:
        try:
            stream, peer = listener.accept()
        except:
            if bug != "catches_all":
                raise
            continue
        latest = peer
        if bug == "one_at_a_time":
            serve(stream, peer)
            continue
        if bug in ("pool_runs_dry", "few_places"):
            places.acquire()
        thread = threading.Thread(target=serve, args=(stream, peer), daemon=True)
        thread.start()
        if bug == "joins":
            thread.join()
stream, peer = listener.accept()
serve(stream, peer)
if bug == "never_ends":
    time.sleep(60)
if bug == "status":
    sys.exit(3)
