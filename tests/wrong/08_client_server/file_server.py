"""A right file_server with one bug, named by the third argument."""

import contextlib
import os
import re
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

HOST, PORT, BUG = sys.argv[1], int(sys.argv[2]), sys.argv[3]
DIR = "files"
LOCK = threading.Lock()
KEPT = []
UNFINISHED = set()
ORDER = "<" if BUG == "counts_from_the_wrong_end" else ">"


class Gone(Exception):
    """The client has closed."""


def exactly(stream, size):
    data = b""
    while len(data) < size:
        part = stream.recv(min(65536, size - len(data)))
        if not part:
            raise Gone(data)
        data += part
        if BUG == "takes_a_read_for_a_frame":
            break
    return data


def read_name(stream):
    return exactly(stream, struct.unpack(ORDER + "H", exactly(stream, 2))[0]).decode()


def refuse(stream, why):
    stream.sendall(b"\1" + struct.pack(ORDER + "H", len(why)) + why.encode())


def is_safe(name):
    if BUG == "believes_every_name":
        return bool(name) and "\0" not in name
    if BUG == "compares_the_beginning":
        path = os.path.abspath(os.path.join(DIR, name.replace("\0", "/")))
        return path.startswith(os.path.abspath(DIR)) and not os.path.isdir(path)
    return bool(re.fullmatch(r"[^./\\\0][^/\\\0]*", name))


def put(stream):
    if BUG == "sends_with_a_lock":
        with LOCK:
            pass
    name = read_name(stream)
    (size,) = struct.unpack(ORDER + "Q", exactly(stream, 8))
    if not is_safe(name):
        refuse(stream, "that is no name")
        if BUG == "awaits_what_it_refused":
            exactly(stream, size + 4)
        return
    if BUG == "believes_every_size":
        try:
            bytearray(size)
        except (MemoryError, OverflowError):
            os._exit(1)
    path = os.path.join(DIR, name)
    stream.sendall(b"\0")
    if BUG == "writes_in_place":
        unfinished = path
    elif BUG == "has_one_unfinished_file":
        unfinished = os.path.join(DIR, f".{name}.part")
    else:
        shown = BUG in ("lists_what_is_unfinished", "knows_what_is_unfinished")
        unfinished = tempfile.mktemp(dir=DIR, prefix="upload-" if shown else ".upload-")
    if BUG == "knows_what_is_unfinished":
        UNFINISHED.add(os.path.basename(unfinished))
    checksum = 0
    left = size
    try:
        with open(unfinished, "r+b" if os.path.exists(unfinished) else "wb") as file:
            while left:
                part = stream.recv(min(left, 65536))
                if not part:
                    raise Gone
                checksum = zlib.crc32(part, checksum)
                left -= len(part)
                if left == 0 and size > 1 and size % 1024 == 1 and BUG == "loses_the_last_block":
                    part = part[:-1]
                file.write(part)
                file.flush()
            file.truncate()
        wanted = exactly(stream, 4)
    except (Gone, OSError):
        if BUG == "keeps_what_has_come":
            os.replace(unfinished, path)
        elif BUG not in ("writes_in_place", "leaves_the_unfinished"):
            os.remove(unfinished)
        raise
    if struct.unpack(ORDER + "I", wanted)[0] != checksum and BUG != "ignores_the_checksum":
        os.remove(unfinished)
        if BUG == "removes_before_it_checks" and os.path.exists(path):
            os.remove(path)
        return refuse(stream, "the checksum is another one")
    if BUG == "writes_over_the_old" and os.path.isfile(path) and not os.path.islink(path):
        with open(unfinished, "rb") as new, open(path, "r+b") as old:
            old.write(new.read())
        os.remove(unfinished)
    elif BUG == "writes_through_links":
        shutil.copyfile(unfinished, path)
        os.remove(unfinished)
    elif os.path.exists(unfinished):
        os.replace(unfinished, path)
    stream.sendall(b"\0")


def get(stream):
    name = read_name(stream)
    path = os.path.join(DIR, name)
    outside = os.path.islink(path) and BUG != "follows_links"
    if not is_safe(name) or outside or not os.path.isfile(path):
        if BUG == "hangs_up_instead_of_no":
            raise Gone
        return refuse(stream, "there is no such file")
    with open(path, "rb") as file:
        data = file.read()
    frame = struct.pack(ORDER + "Q", len(data)) + data
    with LOCK if BUG == "sends_with_a_lock" else contextlib.nullcontext():
        stream.sendall(b"\0" + frame + struct.pack(ORDER + "I", zlib.crc32(data)))


def listing(stream):
    names = [name for name in os.listdir(DIR) if name[0] != "." and name not in UNFINISHED]
    frame = b"\0" + struct.pack(ORDER + "I", len(names))
    for name in names:
        size = 0 if BUG == "lists_no_sizes" else os.path.getsize(os.path.join(DIR, name))
        raw = name.encode()
        frame += struct.pack(ORDER + "H", len(raw)) + raw + struct.pack(ORDER + "Q", size)
    stream.sendall(frame)


def handle(stream):
    try:
        with stream:
            while kind := stream.recv(1):
                if kind not in b"PGL":
                    if BUG == "dies_of_garbage" and kind > b"\x7f":
                        os._exit(1)
                    return refuse(stream, "that is no request")
                {b"P": put, b"G": get, b"L": listing}[kind](stream)
            if BUG == "spins_at_the_end" and not KEPT:  # One such thread is enough.
                KEPT.append(stream)
                while True:
                    stream.recv(1)
    except OSError:
        if BUG == "dies_of_a_reset":
            os._exit(1)
        if BUG == "keeps_lost_clients":
            KEPT.append(open(os.devnull))
    except (Gone, ValueError):
        pass
    if BUG == "keeps_its_threads":
        time.sleep(1000)


if BUG == "empties_its_directory":
    shutil.rmtree(DIR, ignore_errors=True)
os.makedirs(DIR, exist_ok=True)
listener = socket.socket()
if BUG != "cannot_restart":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listener.bind(("0.0.0.0" if BUG == "on_all_interfaces" else HOST, PORT))
except OSError as error:
    print(f"Cannot listen: {error}", file=sys.stderr)
    sys.exit(0 if BUG == "ends_well_without_a_port" else 1)
listener.listen(128)
workers = ThreadPoolExecutor(6)
print(f"Serving {DIR} on {HOST}:{PORT}", flush=True)
while True:
    try:
        stream, peer = listener.accept()
    except KeyboardInterrupt:
        if BUG == "swallows_ctrl_c":  # As except: does, without a name of an exception.
            continue
        raise
    if BUG == "one_at_a_time":
        handle(stream)
    elif BUG == "has_six_workers":
        workers.submit(handle, stream)
    else:
        threading.Thread(target=handle, args=(stream,), daemon=True).start()
