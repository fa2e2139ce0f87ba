"""A robust echo server, and the bug that the third argument names."""

import codecs
import os
import socket
import sys
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.stdout.reconfigure(line_buffering=True)
kept = []


def serve(stream, peer):
    stream.settimeout({"no_timeout": None, "impatient": 1}.get(bug, 5))
    name = f"{peer[0]}:{peer[1]}"
    print("Connected to", name)
    first = True
    decoder = codecs.getincrementaldecoder("utf-8")("replace" if bug == "lossy" else "strict")
    until = time.monotonic() + 5
    try:
        while True:
            if bug == "line_reader":
                data = stream.makefile("rb").readline()
            else:
                data = part = stream.recv(1024)
            while bug == "waits_when_full" and len(part) == 1024:
                part = stream.recv(1024)
                data += part
            if bug == "timeout_in_all":
                stream.settimeout(max(until - time.monotonic(), 0.001))
            if bug == "timeout_first_only":
                stream.settimeout(None)
            if not data:
                if bug == "spins":
                    print("Received: ")
                    continue
                if bug == "visit_kills" and first:
                    os._exit(1)
                print("bye" if bug == "end_text" else f"Client {name} disconnected")
                return
            first = False
            if bug == "silent_on_blank" and not data.strip():
                continue
            if bug == "knows_quit" and data.strip() == b"quit":
                return
            try:
                text = decoder.decode(data)
            except UnicodeDecodeError:
                if bug != "utf8_keeps":
                    raise
                print("Received data is not UTF-8 encoded")
                continue
            print("Received:", data if bug == "bytes_form" else text)
            if bug == "drops_long" and len(data) == 1024:
                return
            if bug == "cuts_long" and len(data) == 1024:
                text = text[:1000]
            if bug == "trims":
                text = text.strip()
            if bug == "stops_at_zero":
                text = text.partition("\0")[0]
            if bug == "trims_line_end":
                text = text.rstrip("\r\n")
            reply = text if bug == "no_prefix" else f"Echo: {text}"
            if bug == "newline":
                reply += "\n"
            stream.sendall(reply.encode())
            if bug == "one_message":
                return
    except socket.timeout:
        print("late" if bug == "timeout_text" else "Timeout: No data received from client")
        if bug == "timeout_kills":
            os._exit(1)
        if bug == "timeout_keeps":
            time.sleep(10)
    except UnicodeDecodeError:
        if bug == "utf8_kills":
            os._exit(1)
        print("what?" if bug == "utf8_text" else "Received data is not UTF-8 encoded")
    except OSError as error:
        if bug == "reset_kills":
            os._exit(1)
        print(f"Socket error with client {name}: {error}")
        if bug == "leaks_on_reset":
            kept.append(stream.dup())
    finally:
        if bug != "spins":
            stream.close()


try:
    listener = socket.socket()
    if bug != "no_reuse":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0" if bug == "all_interfaces" else host, 0 if bug == "any_port" else port))
    listener.listen(128)
except OSError as error:
    if bug == "in_use_traceback":
        raise
    print("Cannot start" if bug == "in_use_text" else f"Socket error on start: {error}")
    sys.exit(0 if bug == "in_use_status_0" else 1)
print(f"Server started on {host}:{port}")
if bug == "accept_timeout":
    listener.settimeout(5)
try:
    while True:
        serve(*listener.accept())
        if bug == "first_only":
            time.sleep(60)
except KeyboardInterrupt:
    if bug == "ctrl_c_traceback":
        raise
    if bug == "ctrl_c_hangs":
        time.sleep(60)
    if bug != "ctrl_c_silent":
        print("Server closed")
    sys.exit(1 if bug == "ctrl_c_status" else 0)
