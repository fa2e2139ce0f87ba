"""Serves everybody in one thread; also listens late and prints more than it must."""

import selectors
import socket
import sys
import time

time.sleep(2)
try:
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=128)
except OSError as error:
    sys.exit(f"cannot listen: {error}")
listener.setblocking(False)
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ)


def log(text):
    print(f"{time.strftime('%H:%M:%S')} INFO \x1b[32m{text}\x1b[0m", flush=True)


def serve(stream):
    peer = stream.getpeername()
    try:
        message = stream.recv(700)  # Pieces of any size are right.
    except OSError:
        message = b""
    if message:
        log(f"Received from {peer}: {message.decode(errors='replace')!r}")
        try:
            stream.setblocking(True)
            stream.sendall(b"Server echo: " + message)
            stream.setblocking(False)
            return
        except OSError as error:
            log(f"Error with client {peer}: {error}")
    selector.unregister(stream)
    stream.close()
    log(f"Connection closed by {peer}")
    log(f"Connection handler closed for {peer}")


while True:
    for key, _ in selector.select():
        if key.fileobj is not listener:
            try:
                serve(key.fileobj)
            except OSError:
                selector.unregister(key.fileobj)
                key.fileobj.close()
            continue
        try:
            stream, peer = listener.accept()
        except OSError:
            continue
        log(f"New connection from {peer}")
        stream.setblocking(False)
        selector.register(stream, selectors.EVENT_READ)
