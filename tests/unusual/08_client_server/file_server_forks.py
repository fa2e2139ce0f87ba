"""A process for each client; replies and frames in many small writes; refuses late."""

import os
import signal
import socket
import struct
import sys
import tempfile
import zlib

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
DIR = os.path.join(os.getcwd(), "files")


def exactly(stream, size):
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def number(stream, form):
    return struct.unpack(form, exactly(stream, struct.calcsize(form)))[0]


def bytewise(out, data):
    for byte in data:
        out.write(bytes([byte]))
        out.flush()


def refuse(out, why):
    bytewise(out, b"\1" + struct.pack(">H", len(why)) + why)


def is_safe(name):
    return name not in (b"", b".", b"..") and b"/" not in name and b"\0" not in name


def put(stream, out):
    name = exactly(stream, number(stream, ">H"))
    size = number(stream, ">Q")
    bytewise(out, b"\0")
    file = tempfile.NamedTemporaryFile(dir="/" + DIR.lstrip("/"), prefix=".", delete=False)
    try:
        data = exactly(stream, size)
        file.write(data)
        file.close()
        if number(stream, ">I") != zlib.crc32(data) or not is_safe(name):
            raise ValueError
        os.replace(file.name, os.path.join(os.fsencode(DIR), name))
        bytewise(out, b"\0")
    except ValueError:
        os.unlink(file.name)
        refuse(out, b"")
    except BaseException:
        os.unlink(file.name)
        raise


def get(stream, out):
    name = exactly(stream, number(stream, ">H"))
    try:
        if not is_safe(name):
            raise OSError
        path = os.path.join(os.fsencode(DIR), name)
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except OSError:
        return refuse(out, b"no")
    data = file.read()
    bytewise(out, b"\0" + struct.pack(">Q", len(data)))
    out.write(data)
    bytewise(out, struct.pack(">I", zlib.crc32(data)))


def listing(stream, out):
    names = [name for name in os.listdir(os.fsencode(DIR)) if not name.startswith(b".")]
    bytewise(out, b"\0" + struct.pack(">I", len(names)))
    for name in reversed(names):
        size = os.path.getsize(os.path.join(os.fsencode(DIR), name))
        bytewise(out, struct.pack(">H", len(name)) + name + struct.pack(">Q", size))


def handle(client):
    stream, out = client.makefile("rb"), client.makefile("wb")
    while kind := stream.read(1):
        {b"P": put, b"G": get, b"L": listing}[kind](stream, out)
        out.flush()


os.makedirs(DIR, exist_ok=True)
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=128)
while True:
    client, _ = listener.accept()
    if os.fork() == 0:
        listener.close()
        try:
            handle(client)
        except BaseException as error:
            print(f"a client: {error!r}", file=sys.stderr)
        os._exit(0)
    client.close()
