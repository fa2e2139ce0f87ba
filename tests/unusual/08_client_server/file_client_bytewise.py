"""Sends its frames byte by byte, prints more than it must, reasons on stdout."""

import os
import socket
import struct
import sys
import zlib

try:
    stream = socket.create_connection((sys.argv[1], int(sys.argv[2])))
except OSError as error:
    print(f"cannot connect: {error}")
    sys.exit(2)
stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
source = stream.makefile("rb")


def bytewise(data):
    for byte in data:
        stream.sendall(bytes([byte]))


def exactly(size):
    data = source.read(size)
    if len(data) < size:
        sys.exit(4)
    return data


def expect_yes():
    if exactly(1) != b"\0":
        print("NO:", exactly(struct.unpack(">H", exactly(2))[0]).decode(), flush=True)
        sys.exit(3)


def named(kind, name):
    return kind + struct.pack(">H", len(name.encode())) + name.encode()


command = sys.argv[3] if len(sys.argv) > 3 else "list"
if command == "put":
    data = open(sys.argv[4], "rb").read()
    bytewise(named(b"P", os.path.basename(sys.argv[4])) + struct.pack(">Q", len(data)))
    expect_yes()
    stream.sendall(data)
    bytewise(struct.pack(">I", zlib.crc32(data)))
    expect_yes()
elif command == "get":
    bytewise(named(b"G", sys.argv[4]))
    expect_yes()
    data = exactly(struct.unpack(">Q", exactly(8))[0])
    if exactly(4) != struct.pack(">I", zlib.crc32(data)):
        sys.exit(5)
    open(sys.argv[4], "wb").write(data)
else:
    stream.sendall(b"L")
    expect_yes()
    for _ in range(struct.unpack(">I", exactly(4))[0]):
        name = exactly(struct.unpack(">H", exactly(2))[0]).decode()
        print(f"| {name} | {struct.unpack('>Q', exactly(8))[0]} |", flush=True)
