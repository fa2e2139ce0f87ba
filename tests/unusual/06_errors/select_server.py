"""A correct event loop with selectors, level-triggered; without Nagle if asked for."""

import selectors
import socket
import sys

host, port = sys.argv[1], int(sys.argv[2])
selector = selectors.DefaultSelector()
unsent = {}


def remove(stream, peer):
    selector.unregister(stream)
    del unsent[stream]
    stream.close()
    print("Connection closed with", peer, flush=True)


def serve(stream, peer, mask):
    try:
        if mask & selectors.EVENT_WRITE:
            unsent[stream] = unsent[stream][stream.send(unsent[stream]):]
        elif data := stream.recv(1024):
            print("Received:", data.decode(errors="replace"), flush=True)
            unsent[stream] = data
        else:
            return remove(stream, peer)
    except BlockingIOError:
        pass
    except OSError as error:
        print(error, file=sys.stderr)
        return remove(stream, peer)
    rest = unsent[stream]
    selector.modify(stream, selectors.EVENT_WRITE if rest else selectors.EVENT_READ, peer)


try:
    listener = socket.create_server((host, port))
    selector.register(listener, selectors.EVENT_READ)
    print(f"Server started on {host}:{port}", flush=True)
    while True:
        for key, mask in selector.select():
            if key.fileobj is not listener:
                serve(key.fileobj, key.data, mask)
                continue
            stream, peer = listener.accept()
            print("Connected by", peer, flush=True)
            stream.setblocking(False)
            if len(sys.argv) > 3:
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            unsent[stream] = b""
            selector.register(stream, selectors.EVENT_READ, peer)
except KeyboardInterrupt:
    print("Server shutting down")
except OSError as error:
    sys.exit(f"Socket error on start: {error}")
