"""A UDP receiver or sender, and the bug that the fourth argument names."""

import socket
import sys
import time

host, port, step, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
sys.stdout.reconfigure(line_buffering=True, encoding="utf-8")
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def receive():
    try:
        sock.bind(("0.0.0.0" if bug == "all_interfaces" else host, 0 if bug == "any_port" else port))
    except OSError as error:
        if bug == "in_use_zero":
            print(error)
            sys.exit(0)
        sys.exit(1 if bug == "in_use_silent" else f"cannot listen: {error}")
    buffer = bytearray(65535)
    while True:
        try:
            data, peer = sock.recvfrom(512 if bug == "small" else 65535)
        except:
            if bug != "catches_all":
                raise
            continue
        if bug == "knows_quit" and data.strip() == b"quit":
            return
        if bug == "first_peer_only":
            sock.connect(peer)
        if not data and bug == "empty_ends":
            return
        text = data.decode(errors="strict" if bug == "strict" else "replace")
        if bug == "stale":
            buffer[:len(data)] = data
            text = buffer.rstrip(b"\0").decode(errors="replace")
        if bug == "ends_at_nul":
            text = text.partition("\0")[0]
        if bug == "bytes_form":
            text = str(data)
        if bug == "trims":
            text = text.strip()
        if bug == "skips_empty" and not data:
            continue
        if bug == "own_address":
            peer = sock.getsockname()
        print(f"Received '{text}' from {peer}")
        if bug == "replies":
            sock.sendto(b"ok", peer)
        if bug == "one_only":
            return


def send():
    text = {"newline": b"Message\n", "literal": b"message"}.get(bug, b"Message")
    if bug == "connected":
        # A port that nobody has is reported to a connected socket at the next call.
        sock.connect((host, port))
        sock.send(text)
        sock.settimeout(0.2)
        try:
            sock.recv(10)
        except TimeoutError:
            pass
        return
    sock.sendto(text, (host, port))
    if bug == "twice":
        sock.sendto(text, (host, port))
    if bug == "waits":
        sock.recvfrom(1024)
    if bug == "status":
        sys.exit(2)


receive() if step == "udp_receiver" else send()
