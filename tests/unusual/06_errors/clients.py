"""Correct clients of chapter 6 that do things in their own way."""

import select
import socket
import sys
import threading
import time

host, port, step = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def safe():
    with socket.socket() as stream:
        stream.settimeout(5)
        try:
            stream.connect((host, port))
            for byte in b"Hello":
                stream.send(bytes([byte]))
            print(f"INFO Received: {stream.recv(4096).decode()}")
        except socket.gaierror:
            sys.exit("Invalid hostname")
        except TimeoutError:
            sys.exit("Connection timed out")
        except ConnectionRefusedError:
            sys.exit("Connection refused - is server running?")
        except OSError as error:
            sys.exit(f"Error: {error}")


def robust():
    connected = False
    try:
        with socket.create_connection((host, port), 10) as stream:
            connected = True
            print("Connected to the server", flush=True)
            stream.settimeout(5)
            stream.sendall(b"Hello, Server!")
            print("Received from server:", stream.recv(1024).decode())
    except TimeoutError:
        print("Timeout error: No response from server" if connected
              else "Connection attempt timed out")
        sys.exit(1)
    except OSError as error:
        print("Socket error:", error)
        sys.exit(1)
    finally:
        print("Connection closed")


def retry():
    """No pause after the last attempt: nothing comes after it."""
    for number in range(1, 4):
        try:
            socket.create_connection((host, port)).close()
            print("Connected to the server")
            return
        except OSError:
            print(f"Connection attempt {number} failed, retrying...", flush=True)
        if number < 3:
            time.sleep(2)
    print("Failed to connect after retries")
    sys.exit(1)


def wait_with_select():
    try:
        stream = socket.create_connection((host, port))
    except OSError as error:
        print("Error:", error)
        return
    if select.select([stream], [], [], 5)[0]:
        print("Received:", stream.recv(1024).decode())
    else:
        print("Timeout waiting for data")
        sys.exit(1 if len(sys.argv) > 4 else 0)


def heartbeat_server():
    def beat(stream, peer):
        missed, lines = 0, stream.makefile("rb")

        def listen():
            nonlocal missed
            try:
                for line in lines:
                    if line.strip() == b"PONG":
                        missed = 0
                        print("PONG from", peer, flush=True)
                    elif line.strip() == b"PING":
                        stream.sendall(b"PONG\n")
            except OSError:
                pass

        threading.Thread(target=listen, daemon=True).start()
        try:
            while missed < 3:
                stream.sendall(b"PING\n")
                missed += 1
                time.sleep(1.5)
                if missed:
                    print(peer, f"missed {missed} of 3", flush=True)
            stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        print("Connection closed with", peer, flush=True)

    try:
        listener = socket.create_server((host, port))
        while True:
            stream, peer = listener.accept()
            print("Connected by", peer, flush=True)
            threading.Thread(target=beat, args=(stream, peer), daemon=True).start()
    except KeyboardInterrupt:
        print("Server shutting down")


def heartbeat_client():
    pause = 0.2
    while True:
        try:
            stream = socket.create_connection((host, port), 5)
            stream.settimeout(4)
            for line in stream.makefile("rb"):
                if line == b"PING\n":
                    stream.sendall(b"PONG\n")
                    pause = 0.2
        except OSError as error:
            print(error)
        time.sleep(pause)
        pause = min(pause * 3, 20)


{
    "safe": safe,
    "robust": robust,
    "retry": retry,
    "select": wait_with_select,
    "heartbeat_server": heartbeat_server,
    "heartbeat_client": heartbeat_client,
}[step]()
