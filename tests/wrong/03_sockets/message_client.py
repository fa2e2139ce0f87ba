"""A message client, and the bug that the third argument names."""

import socket
import sys
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.stdout.reconfigure(line_buffering=True)
sys.stdin.reconfigure(encoding="utf-8")


def is_text(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def cut(data):
    if bug == "no_cut":
        return data
    if bug == "byte_cut":
        return data[:1024]
    if bug == "cuts_one_byte":
        data = data[:1024]
        return data if is_text(data) else data[:-1]
    if bug == "short_cut":
        return data[:256].decode(errors="ignore").encode()
    return data[:1024].decode(errors="ignore").encode()


def talk():
    stream = socket.create_connection((host, port))
    while True:
        if bug != "no_prompt":
            print("Enter message: ", end="", flush=bug != "no_flush")
        line = sys.stdin.readline()
        if not line:
            if bug == "eof_spins":
                continue
            if bug == "eof_waits":
                time.sleep(60)
            return
        text = line.rstrip("\r\n")
        if bug == "newline":
            text = line
        elif bug == "cuts_last":
            text = line[:-1]
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
            if bug == "end_ignored":
                time.sleep(60)
            if bug == "end_silent":
                sys.exit()
            raise ConnectionError("closed by the server")
        if bug == "looks_at_its_own_words":
            if text == "close":
                return
            answer = answer.replace(b"closed", b"Closed")
        if bug == "believes_what_was_typed" and text.lower() == "close":
            return
        if answer == b"closed" and bug != "believes_what_was_typed":
            if bug == "goes_on":
                continue
            if bug == "status":
                print("Connection to server closed")
                sys.exit(2)
            return
        if bug == "bytes_form":
            print("Received:", answer)
        elif bug != "mute":
            print("Received:", answer.decode())


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
