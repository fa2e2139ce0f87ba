"""config_server with one bug, which the third argument chooses; without it, none."""
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress

HOST, PORT = sys.argv[1], int(sys.argv[2])
BUG = sys.argv[3] if len(sys.argv) > 3 else ""
FILE = "settings.log"
LOCK = nullcontext() if BUG == "race" else threading.Lock()
SENDING = threading.Lock() if BUG == "locked_while_sending" else nullcontext()
SETTINGS = {}
KEPT = []


def keep(line):
    if BUG == "memory_only":
        return
    if BUG == "buffers":
        BUFFER.append(line)
        if len(BUFFER) < 100:
            return
    if BUG == "in_place":
        # With the setting that line changes; LOCK is held.
        _, changed, *value = line.split(b" ", 2)
        settings = {**SETTINGS, changed: value[0]} if value else SETTINGS
        with open(FILE, "wb", buffering=0) as file:
            for key, kept in settings.items():
                file.write(b"SET " + key + b" " + kept + b"\n")
        return
    if BUG == "save_loses_later":
        JOURNAL.write(line + b"\n")
        return
    with open(FILE, "ab", buffering=0) as file:
        if BUG == "race":
            end = file.tell()
            time.sleep(0.001)
            with open(FILE, "r+b", buffering=0) as place:
                place.seek(end)
                place.write(line + b"\n")
            return
        file.write(line + b"\n")


BUFFER = []
if os.path.exists(FILE):
    for line in open(FILE, "rb").read().split(b"\n")[:-1]:
        if b" " not in line:
            continue
        word, key, *value = line.split(b" ", 2)
        if BUG == "empty_lost" and value == [b""]:
            continue
        if word == b"SET":
            SETTINGS[key] = value[0]
        else:
            SETTINGS.pop(key, None)
JOURNAL = open(FILE, "ab", buffering=0)


def answer(line):
    words = line.split(b" ", 2)
    command = words[0].upper()
    if BUG == "dies_of_delete_alone" and command == b"DELETE" and len(words) < 2:
        os._exit(1)
    visible = all(33 <= byte <= 126 for byte in b"".join(words[1:2]))
    if BUG != "any_key" and not (visible and len(b"".join(words[1:2])) <= 128):
        return b"ERROR 400 no key\n"
    with LOCK:
        if command == b"GET" and len(words) == 2:
            if words[1] not in SETTINGS:
                return b"OK \n" if BUG == "missing_is_empty" else b"ERROR 404 no such key\n"
            return b"OK " + SETTINGS[words[1]] + b"\n"
        if command == b"SET" and len(words) == 3:
            value = words[2].split(b" ")[0] if BUG == "one_word" else words[2]
            value = value.upper() if BUG == "upper" else value
            value = b" ".join(value.split()) if BUG == "one_space" else value
            if BUG == "first_stays" and words[1] in SETTINGS:
                return b"OK\n"
            keep(b"SET " + words[1] + b" " + value)
            SETTINGS[words[1]] = value
            return b"OK\n"
        if command == b"DELETE" and len(words) == 2:
            if words[1] not in SETTINGS:
                return b"ERROR 404 no such key\n"
            if BUG != "no_delete":
                del SETTINGS[words[1]]
            if BUG == "delete_prefix":
                for key in [key for key in SETTINGS if key.startswith(words[1])]:
                    del SETTINGS[key]
            if BUG not in ("no_delete", "delete_not_kept"):
                keep(b"DELETE " + words[1])
            return b"OK\n"
        if BUG == "list_wants_a_prefix" and command == b"LIST" and len(words) < 2:
            return b"ERROR 400 no prefix\n"
        if BUG == "dies_of_list_alone" and command == b"LIST":
            words[1]
        if command == b"LIST":
            prefix = words[1] if len(words) > 1 and BUG != "list_all" else b""
            found = sorted(it for it in SETTINGS.items() if it[0].startswith(prefix) or BUG == "list_within" and prefix in it[0])
            return b"OK %d\n" % len(found) + b"".join(k + b" " + v + b"\n" for k, v in found)
        if command == b"SAVE" and BUG == "save_loses_later":
            # The journal stays open, and is no longer the file of this name.
            with open(FILE + ".new", "wb") as file:
                for key, kept in SETTINGS.items():
                    file.write(b"SET " + key + b" " + kept + b"\n")
            os.replace(FILE + ".new", FILE)
        if command == b"SAVE" and BUG == "save_in_other_form":
            with open(FILE, "wb") as file:
                for key, kept in SETTINGS.items():
                    file.write(key + b"=" + kept + b"\n")
        if command == b"SAVE" and BUG != "no_save":
            return b"OK\n"
    return b"" if BUG == "silent_errors" else b"ERROR 400 what?\n"


def serve(conn):
    buf = b""
    try:
        while True:
            data = conn.recv(4096)
            if BUG == "strict_utf8":
                data.decode()
            if BUG == "decodes_pieces":
                data = data.decode("utf-8", "replace").encode()
            if not data:
                if BUG == "spins" and buf:
                    while True:
                        pass
                return
            buf += data
            if BUG == "one_read":
                buf = data.rstrip(b"\n") + b"\n"
            if len(buf) > 100000 and BUG != "endless_line":
                return
            while b"\n" in buf:
                line, _, buf = buf.partition(b"\n")
                if BUG == "dies_of_an_empty_line" and not line.split():
                    os._exit(1)
                if BUG == "ends_at_an_empty_line" and not line.split():
                    return
                quits = line.strip().upper() == b"QUIT"
                if BUG == "quits_within_a_line":
                    quits = b"QUIT" in line.upper()
                if BUG == "quits_at_a_longer_word":
                    quits = line.upper().startswith(b"QUIT")
                if quits:
                    if BUG != "quit_without_reply":
                        conn.sendall(b"OK\n")
                    return
                with SENDING:
                    conn.sendall(answer(line if BUG == "keeps_cr" else line.rstrip(b"\r")))
    except UnicodeDecodeError:
        os._exit(1)
    except OSError:
        pass
    finally:
        if BUG == "leaks":
            KEPT.append(conn)
            with suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
        else:
            conn.close()
        if BUG == "keeps_threads":
            threading.Event().wait()


listener = socket.socket()
if BUG != "no_reuse":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listener.bind(("0.0.0.0" if BUG == "all_interfaces" else HOST, PORT))
except OSError as error:
    if BUG == "port_in_use_is_fine":
        sys.exit(0)
    sys.exit(f"cannot listen: {error}")
listener.listen(128)
POOL = ThreadPoolExecutor(6)  # As Python's own pool has on a small machine.
while True:
    try:
        connection, _ = listener.accept()
    except KeyboardInterrupt:
        if BUG == "ignores_ctrl_c":
            continue
        break
    if BUG == "one_thread":
        serve(connection)
    elif BUG == "pool_of_6":
        POOL.submit(serve, connection)
    else:
        threading.Thread(target=serve, args=(connection,), daemon=True).start()
