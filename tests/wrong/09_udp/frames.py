"""A frame receiver or sender, and the bug that the fourth argument names."""

import socket
import struct
import sys
import time

host, port, step, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def receive():
    sock.bind(("0.0.0.0" if bug == "all_interfaces" else host, 0 if bug == "any_port" else port))
    while True:
        data, _ = sock.recvfrom(65535)
        if not data and bug == "empty_ends":
            return
        if bug == "unpacks":
            struct.unpack("!4sIIQ", data[:20])


def send():
    for number in range(1, 2 if bug == "one_frame" else 21):
        shown = 1 if bug == "unnumbered" else number
        sock.sendto(struct.pack("!4sIIQ", b"FRM1", shown, 20, shown * 20000), (host, port))
        time.sleep(0.02)
    if bug == "waits":
        sock.recv(100)
    if bug == "status":
        sys.exit(2)


receive() if step == "frame_receiver" else send()
