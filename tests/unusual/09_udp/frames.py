"""Frames as JSON, in a format of their own."""

import json
import socket
import sys
import time

host, port, step = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if step == "frame_sender":
    for number in range(100, 130):
        frame = {"seq": number, "time": time.time()}
        sock.sendto(json.dumps(frame).encode(), (host, port))
        time.sleep(0.01)
    sys.exit(0)
sock.bind((host, port))
while True:
    try:
        print(json.loads(sock.recv(65535))["seq"], flush=True)
    except (ValueError, TypeError, KeyError) as error:
        print("ignored:", error, file=sys.stderr)
