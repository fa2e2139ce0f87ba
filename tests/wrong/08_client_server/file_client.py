"""A right file_client with one bug, named by the third argument."""

import os
import socket
import struct
import sys
import zlib

HOST, PORT, BUG = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def exactly(stream, size):
    if BUG == "takes_a_read_for_a_frame":
        return stream.recv(size)
    data = b""
    while len(data) < size:
        part = stream.recv(min(65536, size - len(data)))
        if not part:
            if BUG == "keeps_what_has_come":
                open(sys.argv[5], "wb").write(data)
            sys.exit("the server closed too early")
        data += part
    return data


def expect_yes(stream, is_get=False):
    if exactly(stream, 1) != b"\0":
        why = exactly(stream, struct.unpack(">H", exactly(stream, 2))[0]).decode()
        sys.exit("no" if is_get and BUG == "keeps_the_reason_to_itself" else f"refused: {why}")


def named(kind, name):
    raw = name.encode()
    return kind + struct.pack(">H", len(raw)) + raw


def put(stream, path):
    if BUG == "status_0_without_a_file" and not os.path.exists(path):
        print("There is no such file:", path)
        sys.exit()
    data = open(path, "rb").read()
    name = path if BUG == "sends_the_whole_path" else os.path.basename(path)
    stream.sendall(named(b"P", name) + struct.pack(">Q", len(data)))
    if BUG != "does_not_wait_for_the_yes":
        expect_yes(stream)
    stream.sendall(data + struct.pack(">I", zlib.crc32(data)))
    if BUG == "does_not_wait_for_the_yes":
        expect_yes(stream)
    if BUG == "takes_the_end_for_a_yes":
        if stream.recv(1, socket.MSG_PEEK):
            expect_yes(stream)
    elif BUG == "looks_for_a_byte_at_the_end":
        if stream.recv(1, socket.MSG_PEEK)[0] == 1:
            expect_yes(stream)
    elif BUG != "ignores_the_last_reply":
        expect_yes(stream)


def get(stream, name):
    stream.sendall(named(b"G", name))
    if BUG == "opens_too_early":
        open(name, "wb").close()
    expect_yes(stream, is_get=True)
    (size,) = struct.unpack(">Q", exactly(stream, 8))
    if BUG == "downloads_in_place":
        open(name, "wb").close()
    data = exactly(stream, size)
    (checksum,) = struct.unpack(">I", exactly(stream, 4))
    if zlib.crc32(data) != checksum and BUG != "ignores_the_checksum":
        sys.exit("the checksum is another one")
    if BUG == "loses_the_last_block":
        data = data[: len(data) // 1024 * 1024]
    open(name, "wb").write(data)


def listing(stream):
    stream.sendall(b"L")
    expect_yes(stream)
    for _ in range(struct.unpack(">I", exactly(stream, 4))[0]):
        name = exactly(stream, struct.unpack(">H", exactly(stream, 2))[0]).decode()
        (size,) = struct.unpack(">Q", exactly(stream, 8))
        print(name if BUG == "lists_no_sizes" else f"{size} {name}", flush=True)


try:
    stream = socket.create_connection((HOST, PORT))
except OSError as error:
    if BUG == "crashes_when_refused":
        raise
    sys.exit(f"Cannot connect: {error}")
command = sys.argv[4]
if command == "put":
    put(stream, sys.argv[5])
elif command == "get":
    try:
        get(stream, sys.argv[5])
    except SystemExit:
        is_open = BUG in ("opens_too_early", "downloads_in_place")
        if is_open and os.path.exists(sys.argv[5]) and not os.path.getsize(sys.argv[5]):
            os.remove(sys.argv[5])
        raise
else:
    listing(stream)
