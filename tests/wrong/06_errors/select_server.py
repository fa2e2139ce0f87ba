"""An echo server by readiness, and the bug that the third argument names."""

import os
import select
import selectors
import signal
import socket
import sys
import threading
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.stdout.reconfigure(line_buffering=True)
selector = selectors.DefaultSelector()
both = selectors.EVENT_READ | selectors.EVENT_WRITE
unsent = {}
names = {}
kept = []
owed = {}
held = {}
ended = set()


def admit():
    stream, peer = listener.accept()
    print(f"Connected by {peer[0]}:{peer[1]}")
    names[stream] = f"{peer[0]}:{peer[1]}"
    if bug == "one_at_a_time":
        return echo_all(stream)
    if bug == "threads":
        return threading.Thread(target=echo_all, args=(stream,), daemon=True).start()
    stream.setblocking(bug in ("blocking", "blocking_read"))
    unsent[stream] = owed.pop(stream.fileno(), bytearray())
    writes = unsent[stream] or bug == "always_writable"
    selector.register(stream, both if writes else selectors.EVENT_READ)


def echo_all(stream):
    with stream:
        try:
            while data := stream.recv(1024):
                print("Received:", data.decode(errors="replace"))
                stream.sendall(data)
        except OSError:
            pass
        print(f"Connection closed with {names.pop(stream)}")


def remove(stream):
    print(f"Connection closed with {names.pop(stream)}")
    selector.unregister(stream)
    rest = unsent.pop(stream)
    if bug == "owes_by_number":
        owed[stream.fileno()] = rest
    if bug == "leaks":
        kept.append(stream)
        try:
            stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
    else:
        stream.close()


def has_ended(stream):
    poll = select.poll()
    poll.register(stream, select.POLLRDHUP)
    return bool(poll.poll(0))


def flush(stream):
    if unsent[stream] and bug != "never_flushes":
        unsent[stream] = unsent[stream][stream.send(unsent[stream]):]
    if not unsent[stream] and stream in ended:
        ended.remove(stream)
        return remove(stream)
    if not unsent[stream] and bug != "always_writable":
        selector.modify(stream, selectors.EVENT_READ)


def serve(stream, mask):
    try:
        if mask & selectors.EVENT_WRITE:
            flush(stream)
        if not mask & selectors.EVENT_READ or stream not in unsent:
            return
        if unsent[stream] and bug not in ("ends_with_a_debt", "hoards"):
            return
        if bug == "ends_with_a_debt" and len(unsent[stream]) > 10_000_000:
            return selector.modify(stream, selectors.EVENT_WRITE)
        data = stream.recv(65536 if bug in ("ends_with_a_debt", "hoards") else 1024)
        if not data:
            if bug == "eof_spins":
                return print("Received: ")
            if bug == "hoards" and unsent[stream]:
                ended.add(stream)
                return selector.modify(stream, selectors.EVENT_WRITE)
            return remove(stream)
        if bug == "waits_when_full":
            held[stream] = held.get(stream, b"") + data
            if len(data) == 1024:
                return
            data = held.pop(stream)
        if bug == "line_reader" and b"\n" not in data:
            return
        text = data.decode() if bug == "utf8" else data.decode(errors="replace")
        print("Received:", data if bug == "bytes_form" else text)
        if bug == "silent_on_blank" and not data.strip():
            return
        if bug == "knows_quit" and data.strip() == b"quit":
            return remove(stream)
        if bug == "on_a_flag" and has_ended(stream):
            return remove(stream)
        if bug == "trims_line_end":
            data = data.rstrip(b"\r\n") or data
        if bug == "reencodes":
            data = text.encode()
        elif bug == "upper":
            data = data.upper()
        elif bug == "newline":
            data += b"\n"
        elif bug == "prefix":
            data = b"Echo: " + data
        if bug == "blocking":
            return stream.sendall(data)
        if bug in ("ends_with_a_debt", "hoards"):
            unsent[stream] += data
            return selector.modify(stream, both)
        sent = stream.send(data)
        if bug != "partial" and sent < len(data):
            unsent[stream] = data[sent:]
            selector.modify(stream, selectors.EVENT_READ | selectors.EVENT_WRITE)
    except BlockingIOError:
        if bug != "partial":
            unsent[stream] = data
            write = selectors.EVENT_WRITE
            selector.modify(stream, both if bug == "always_writable" else write)
    except UnicodeDecodeError:
        os._exit(1)
    except OSError:
        if bug == "reset_kills":
            os._exit(1)
        if bug == "leaks_on_reset":
            kept.append(stream.dup())
        remove(stream)
        if bug == "first_error_deafens":
            selector.unregister(listener)


if bug == "broken_pipe_ends":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # As it is in C.
try:
    listener = socket.socket()
    if bug != "no_reuse":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, 0 if bug == "any_port" else port))
    listener.listen(128)
except OSError as error:
    print(f"Socket error on start: {error}")
    sys.exit(0 if bug == "in_use_status_0" else 1)
print(f"Server started on {host}:{port}")
selector.register(listener, selectors.EVENT_READ)
try:
    while True:
        if bug == "polls":
            print("nothing yet")
        ready = selector.select({"polls": 0, "drops_the_idle": 2}.get(bug))
        if bug == "drops_the_idle" and not ready:
            for stream in list(unsent):
                remove(stream)
        for key, mask in ready:
            if key.fileobj is listener:
                admit()
            elif key.fileobj in unsent:
                serve(key.fileobj, mask)
except KeyboardInterrupt:
    if bug == "ctrl_c_hangs":
        time.sleep(60)
    print("bye" if bug == "ctrl_c_text" else "Server shutting down")
