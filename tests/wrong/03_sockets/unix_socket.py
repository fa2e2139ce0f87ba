"""A Unix socket server or client, and the bug that the third argument names."""

import os
import signal
import socket
import stat
import sys
import threading

bug, path = sys.argv[3], sys.argv[-1]
sys.stdout.reconfigure(line_buffering=True)


def listen():
    if bug == "other_path":
        return listen_at(path + ".other")
    return listen_at(path)


def listen_at(path):
    if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
        probe = socket.socket(socket.AF_UNIX)
        try:
            if bug not in ("steals", "stale"):
                probe.connect(path)
                sys.exit("Error: another server listens there")
        except ConnectionRefusedError:
            pass
        if bug != "stale":
            os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    umask = os.umask(0o022 if bug == "mode" else 0o177)
    listener.bind(path)
    os.umask(umask)
    if bug == "mode_group":
        os.chmod(path, 0o660)
    listener.listen()
    return listener


def serve(stream):
    kept.append(stream if bug == "many_leaks" else None)
    if bug != "silent":
        print("Accepted connection from a client")
    try:
        talk(stream)
        if bug == "many_leaks":
            stream.shutdown(socket.SHUT_WR)
    except OSError as error:
        if bug in ("broken_pipe", "many_broken_pipe"):
            raise
        print("Error:", error)
    except UnicodeDecodeError:
        if bug.startswith("many_"):
            os._exit(1)
        raise
    if bug != "silent":
        print("Connection to client closed")


def talk(stream):
    while (data := stream.recv(1024)) or bug == "many_spins":
        if not data:
            continue
        if bug in ("strict_utf8", "many_strict_utf8"):
            data.decode()
        if bug == "silent_on_blank" and not data.strip():
            continue
        if bug == "ends_on_long" and len(data) == 1024:
            return
        if bug != "silent":
            print("Received:", data if bug == "bytes_form" else data.decode(errors="replace"))
        word = data.strip() if bug == "strips" else data
        if (word if bug == "close_case" else word.lower()) == b"close":
            stream.sendall(b"close" if bug == "close_for_closed" else b"closed")
            if bug == "stays_open":
                kept.append(stream)
            return
        stream.sendall(b"accepted\n" if bug == "newline" else b"accepted")


kept = []


def client():
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(path)
    while True:
        if bug != "client_no_prompt":
            print("Enter message: ", end="", flush=bug != "client_no_flush")
        line = sys.stdin.readline()
        if not line:
            if bug == "client_eof_spins":
                continue
            break
        text = line if bug == "client_newline" else line.rstrip("\n")
        if bug == "client_cuts_last":
            text = line[:-1]
        stream.sendall(text.encode())
        answer = stream.recv(1024)
        while not answer and bug == "client_end_spins":
            answer = stream.recv(1024)
        if not answer:
            sys.exit("Error: closed by the server")
        if bug == "client_looks_at_its_own_words":
            if text == "close":
                break
        elif answer == b"closed":
            break
        print("Received:", answer if bug == "client_bytes_form" else answer.decode())
    print("Connection to server closed")


if bug.startswith("client_"):
    try:
        client()
    except OSError as error:
        if bug == "client_traceback":
            raise
        if bug == "client_stale_traceback" and isinstance(error, ConnectionRefusedError):
            raise
        sys.exit(f"Error: {error}")
    sys.exit()

try:
    listener = listen()
except OSError as error:
    if bug == "crash":
        raise
    sys.exit(0 if bug == "long_status_0" else f"Error: {error}")
if bug == "for_ever":
    # Serves one after another, and forgets its file on SIGTERM.
    while True:
        serve(listener.accept()[0])
if bug != "leaves_file_on_sigterm":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
if bug == "leaves_file_on_ctrl_c":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    while bug.startswith("many_"):
        stream = listener.accept()[0]
        threading.Thread(target=serve, args=(stream,), daemon=True).start()
        del stream
    serve(listener.accept()[0])
    while bug == "stays_open":
        signal.pause()
finally:
    if bug != "leaves_file":
        os.unlink(path)
