"""An echo server in one thread for all clients, by select, with a large buffer."""

import selectors
import signal
import socket
import sys

host, port = sys.argv[1], int(sys.argv[2])
try:
    listener = socket.create_server((host, port))
except OSError as error:
    sys.exit(f"{host}:{port}: {error}")


def stop(signum, frame):
    print("... Server shutting down now", flush=True)
    sys.exit(0)


signal.signal(signal.SIGINT, stop)
listener.setblocking(False)
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ)
unsent = {}
print("ready", flush=True)


def end(stream, peer):
    selector.unregister(stream)
    stream.close()
    del unsent[stream]
    print(f"[server] Connection closed with {peer}", flush=True)


while True:
    for key, events in selector.select():
        stream, peer = key.fileobj, key.data
        if stream is listener:
            try:
                stream, peer = listener.accept()
            except OSError:
                continue
            stream.setblocking(False)
            unsent[stream] = bytearray()
            selector.register(stream, selectors.EVENT_READ, peer)
            print(f"[server] Connected by {peer}", flush=True)
            continue
        waiting = unsent[stream]
        try:
            if events & selectors.EVENT_READ:
                piece = stream.recv(65536)
                if not piece and not waiting:
                    end(stream, peer)
                    continue
                if piece:
                    text = piece.decode(errors="backslashreplace")
                    print(f"[server] Received: {text}", flush=True)
                    waiting += piece
            if waiting:
                sent = stream.send(waiting)
                del waiting[:sent]
        except BlockingIOError:
            pass
        except OSError:
            end(stream, peer)
            continue
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if waiting else 0)
        selector.modify(stream, wanted, peer)
