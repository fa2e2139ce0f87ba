"""A message client, and the bug that the third argument names."""

import os
import select
import socket
import sys
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.stdout.reconfigure(line_buffering=True)
typed = b""


def next_line(stream):
    """The next line; empty when the input or the server has ended."""
    global typed
    while b"\n" not in typed:
        if bug not in ("end_unnoticed", "end_endless"):
            ready = select.select([0, stream], [], [])[0]
            if stream in ready and not stream.recv(1, socket.MSG_PEEK):
                if bug == "end_spins":
                    continue
                if bug == "end_ignored":
                    time.sleep(60)
                raise ConnectionError("closed by the server")
            if 0 not in ready:
                continue
        piece = os.read(0, 4096)
        if not piece:
            return ""
        typed += piece
    line, _, typed = typed.partition(b"\n")
    return line.decode() + "\n"


def cut(data):
    if bug == "no_cut":
        return data
    if bug == "byte_cut":
        return data[:1024]
    if bug == "short_cut":
        return data[:256].decode(errors="ignore").encode()
    return data[:1024].decode(errors="ignore").encode()


def talk():
    stream = socket.create_connection((host, port))
    while True:
        if bug != "no_prompt":
            print("Enter message: ", end="", flush=bug != "no_flush")
        line = next_line(stream)
        if not line:
            if bug == "eof_spins":
                continue
            if bug == "eof_waits":
                time.sleep(60)
            return
        text = line.rstrip("\n" if bug == "keeps_cr" else "\r\n")
        if not text and bug != "empty_hangs":
            continue
        if bug == "newline":
            text = line
        elif bug == "trims":
            text = text.strip()
        elif bug == "lower":
            text = text.lower()
        elif bug == "ascii":
            text = text.encode("ascii", "replace").decode()
        stream.sendall(cut(text.encode()))
        answer = stream.recv(1024)
        while not answer and bug == "end_spins":
            answer = stream.recv(1024)
        if not answer:
            if bug == "end_endless":
                continue
            if bug == "end_ignored":
                time.sleep(60)
            raise ConnectionError("closed by the server")
        if answer == b"closed":
            if bug == "goes_on":
                continue
            if bug == "status":
                print("Connection to server closed")
                sys.exit(2)
            return
        if bug == "bytes_form":
            print("Received:", answer)
        elif bug != "mute":
            errors = "strict" if bug == "strict_utf8" else "replace"
            print("Received:", answer.decode(errors=errors))


try:
    talk()
except OSError as error:
    if bug == "refused_silent":
        sys.exit(1)
    print("Error:", error)
    if bug == "end_traceback":
        raise
if bug != "no_last_line":
    print("Connection to server closed")
