"""A correct robust server that does things in its own way, as the third argument says."""

import socket
import sys
import time

host, port, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def say(text):
    if way == "logs":
        print(f"\x1b[32m12:00:00 INFO\x1b[0m {text}", file=sys.stderr, flush=True)
    else:
        print(text, flush=True)


def serve(stream, peer):
    say(f"Connected to {peer}")
    try:
        while data := stream.recv(200 if way == "pieces" else 1024):
            text = data.decode()
            say(f"Received: {text}")
            if way == "late":
                time.sleep(0.4)
            stream.sendall(b"Echo: " + data)
        say(f"Client {peer} disconnected")
    except socket.timeout:
        say("Timeout: No data received from client")
        if way == "tells":
            stream.sendall(b"") # Nothing more is owed.
    except UnicodeDecodeError:
        say("Received data is not UTF-8 encoded")
    except OSError as error:
        say(f"Socket error with client {peer}: {error}")
    finally:
        stream.close()


try:
    if way == "slow_start":
        time.sleep(2)
    listener = socket.create_server((host, port))
    say(f"Server started on {host}:{port}")
    while True:
        stream, peer = listener.accept()
        stream.settimeout(5)
        serve(stream, peer)
except KeyboardInterrupt:
    say("Server closed")
except OSError as error:
    say(f"Socket error on start: {error}")
    sys.exit(1)
