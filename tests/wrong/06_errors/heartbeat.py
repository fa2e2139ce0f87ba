"""A heartbeat server or client, and the bug that the third argument names."""

import os
import socket
import sys
import threading
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.stdout.reconfigure(line_buffering=True)
LIMIT = {"never_drops": 10**6, "drops_at_once": 1, "drops_late": 5}.get(bug, 3)
INTERVAL = {"hasty": 0.1, "slow": 3}.get(bug, 1)


answered_at = {}
kept = []


def beat(stream, name):
    missed, received = 0, b""
    if bug == "first_late":
        time.sleep(1)
    try:
        while missed < LIMIT:
            stream.sendall({"no_newline": b"PING", "small": b"ping\n"}.get(bug, b"PING\n"))
            missed += 1
            until = time.monotonic() + INTERVAL
            while (left := until - time.monotonic()) > 0:
                stream.settimeout(left)
                try:
                    data = stream.recv(64)
                except socket.timeout:
                    break
                if not data and bug == "spins":
                    continue
                if not data:
                    return
                if bug == "utf8_kills" and not data.isascii():
                    os._exit(1)
                if bug == "any_bytes":
                    missed = 0
                received = data if bug == "forgets" else received + data
                if bug == "whole_message":
                    missed = 0 if received == b"PONG" else missed
                    continue
                *lines, received = received.split(b"\n")
                for line in lines:
                    if line == b"PONG" and bug != "never_resets":
                        missed = missed - 1 if bug == "counts_down" else 0
                        answered_at[stream.getpeername()[0]] = time.monotonic()
                        until = 0 if bug == "again_at_once" else until
                        say(f"PONG from {name}")
                    elif line == b"PING" and bug != "no_answer":
                        stream.sendall(b"PONG\n")
            age = time.monotonic() - answered_at.get(name.rpartition(":")[0], 0)
            if bug == "counts_by_address" and age < 2 * INTERVAL:
                missed = 0
            if missed:
                say(f"{name} missed {missed} of 3")
    except OSError:
        if bug == "reset_kills":
            os._exit(1)
    finally:
        if bug == "leaks" and missed < LIMIT:
            kept.append(stream)
        else:
            stream.close()
        say(f"Connection closed with {name}")


def say(text):
    if bug != "mute":
        print(text)


def serve():
    with socket.socket() as listener:
        if bug != "no_reuse":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("0.0.0.0" if bug == "all_interfaces" else host, port))
            listener.listen(128)
        except OSError as error:
            sys.exit(0 if bug == "in_use_status_0" else f"error: {error}")
        while True:
            stream, peer = listener.accept()
            name = f"{peer[0]}:{peer[1]}"
            say(f"Connected by {name}")
            if bug == "one_at_a_time":
                beat(stream, name)
            else:
                threading.Thread(target=beat, args=(stream, name), daemon=True).start()


def serve_until_ctrl_c():
    try:
        serve()
    except KeyboardInterrupt:
        if bug == "ctrl_c_hangs":
            time.sleep(60)
        print("Server shutting down")
        # The threads of the clients are not waited for.
        os._exit(0)


def answer(stream):
    stream.settimeout({"client_waits": None, "client_impatient": 0.5}.get(bug, 3))
    if bug == "client_whole_message":
        while data := stream.recv(64):
            if data == b"PING\n":
                stream.sendall(b"PONG\n")
        return
    if bug == "client_one_of_a_segment":
        received = b""
        while data := stream.recv(64):
            received += data
            if b"PING\n" in received:
                stream.sendall(b"PONG\n")
                received = b""
        return
    for line in stream.makefile("rb"):
        if bug == "client_utf8_kills":
            line.decode()
        if bug == "client_echoes":
            stream.sendall(line)
        elif bug == "client_any_line" or bug == "client_substring" and b"PING" in line:
            stream.sendall(b"PONG\n")
        elif line == b"PING\n" and bug != "client_mute":
            stream.sendall(b"PONG" if bug == "client_no_newline" else b"PONG\n")


def stay_connected():
    pause = 0.3
    while True:
        try:
            answer(socket.create_connection((host, port)))
        except OSError as error:
            if bug == "client_refused_kills" and isinstance(error, ConnectionRefusedError):
                raise
            if bug == "client_reset_kills" and isinstance(error, ConnectionResetError):
                raise
        if bug == "client_leaves":
            return
        time.sleep({"client_no_pause": 0, "client_same_pause": 0.3}.get(bug, pause))
        pause = pause / 2 if bug == "client_shrinks" else min(pause * 2, 30)


stay_connected() if bug.startswith("client_") else serve_until_ctrl_c()
