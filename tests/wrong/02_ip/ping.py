"""Sends ICMP echo requests, with the bug that argv[3] names."""
import argparse
import os
import socket
import struct
import sys
import time

bug = sys.argv[3]
parser = argparse.ArgumentParser()
parser.add_argument("host")
parser.add_argument("--count", type=int, default=4)
parser.add_argument("--interval", type=float, default=1)
args = parser.parse_args(sys.argv[4:])
try:
    family, _, _, _, address = socket.getaddrinfo(args.host, None)[0]
except OSError as error:
    if bug == "traceback":
        raise
    if bug == "unknown_is_success":
        print(f"error: {error}")
        sys.exit(0)
    sys.exit(f"error: {args.host}: {error}")
v6 = family == socket.AF_INET6
protocol = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
try:
    sock = socket.socket(family, socket.SOCK_DGRAM, protocol)
except OSError:
    try:
        sock = socket.socket(family, socket.SOCK_RAW, protocol)
    except OSError as error:
        sys.exit(f"error: {error}")
ask, answer = (128, 129) if v6 and bug != "v4_types" else (8, 0)
count = 4 if bug == "count_ignored" else args.count
received = 0
me = os.getpid() & 0xFFFF


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


for number in range(1, count + 1):
    token = os.urandom(16)
    request = struct.pack("!BBHHH", ask, 0, 0, me, number) + token
    if bug != "no_checksum":
        request = request[:2] + struct.pack("!H", checksum(request)) + request[4:]
    sent = time.time()
    sock.sendto(request, address)
    sock.settimeout(1)
    while True:
        try:
            data, peer = sock.recvfrom(2048)
        except TimeoutError:
            print(f"seq={number}: nothing")
            break
        if not v6 and data[0] >> 4 == 4:
            data = data[(data[0] & 15) * 4:]
        if data[0] == answer and data[8:] == token:
            received += 1
            milliseconds = (time.time() - sent) * 1000
            print(f"reply {number} from {peer[0]}, time {milliseconds:.2f} ms")
            break
    time.sleep(args.interval)
if bug != "no_summary":
    lost = 100 * (count - received) // count
    print(f"{count} packets sent, {received} received, {lost}% packet loss")
sys.exit(0 if received else 1)
