"""A client that tries again, and the bug that the third argument names."""

import socket
import sys
import time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.stdout.reconfigure(line_buffering=True)
numbers = {"twice": [1, 2], "once": [1], "four": [1, 2, 3, 4], "from_zero": [0, 1, 2]}.get(bug, [1, 2, 3])
if bug == "for_ever":
    numbers = range(1, 1000)
stream = socket.socket()
connected = False
for number in numbers:
    try:
        if bug != "dead_socket":
            stream = socket.socket()
        stream.connect((host, port))
        if bug != "mute":
            print("Connected to the server")
        if bug == "talks":
            stream.sendall(b"Hello")
        if bug == "stays":
            time.sleep(60)
        connected = True
        if bug == "says_failed_always":
            break
        if bug != "goes_on":
            sys.exit(2 if bug == "status" else 0)
    except OSError:
        stream.close()
        print(f"Connection attempt {number} failed, retrying...")
        time.sleep({"no_pause": 0, "slow": 6, "twice_as_slow": 4}.get(bug, 2))
if bug != "no_last_line":
    print("Failed to connect after retries")
sys.exit(0 if connected or bug == "status_0" else 1)
