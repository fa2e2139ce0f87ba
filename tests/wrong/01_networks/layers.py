"""Wraps one message in TCP or UDP, IP and Ethernet, with the bug that argv[3] names."""
import argparse
import ipaddress
import struct
import sys
import time

bug = sys.argv[3]
parser = argparse.ArgumentParser()
parser.add_argument("message", nargs="?", default="hello")
parser.add_argument("--protocol", default="tcp")
parser.add_argument("--from", dest="source", default="10.0.0.1:1000")
parser.add_argument("--to", default="10.0.0.2:2000")
parser.add_argument("--ttl", type=int, default=64)
parser.add_argument("--mtu", type=int, default=1500)
parser.add_argument("--pcap")
args = parser.parse_args(sys.argv[4:])


def endpoint(text):
    host, port = text.rsplit(":", 1)
    return ipaddress.ip_address(host.strip("[]")), int(port)


def checksum(data):
    if len(data) % 2:
        data = b"\0" + data if bug == "odd_low" else data + b"\0"
    if bug == "odd_dropped" and len(data) % 2 == 0 and data[-1:] == b"\0":
        data = data[:-2]
    words = struct.unpack(f"!{len(data) // 2}H", data)
    total = sum(words)
    if bug == "no_carry":
        total &= 0xFFFF
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


source, source_port = endpoint(args.source)
target, target_port = endpoint(args.to)
if source.version != target.version:
    if bug == "mixed_families":
        sys.exit(0)
    sys.exit(f"error: no packet goes from {source} to {target}")
v6 = source.version == 6
message = args.message.encode()
number = {"tcp": 6, "udp": 17}[args.protocol]
if bug == "always_tcp":
    number = 6
if bug == "ports_swapped":
    source_port, target_port = target_port, source_port
if number == 6:
    header = struct.pack("!HHIIBBHHH", source_port, target_port, 1, 1, 0x50, 0x18, 65535, 0, 0)
    at = 16
else:
    length = len(message) + (0 if bug == "udp_length" else 8)
    header = struct.pack("!HHHH", source_port, target_port, length, 0)
    at = 6
segment = header + message
if v6:
    pseudo = source.packed + target.packed + struct.pack("!IHBB", len(segment), 0, 0, number)
else:
    pseudo = source.packed + target.packed + struct.pack("!BBH", 0, number, len(segment))
if bug == "no_pseudo_header":
    pseudo = b""
check = checksum(pseudo + segment) or 0xFFFF
if bug == "udp_no_checksum" and number == 17:
    check = 0
segment = segment[:at] + struct.pack("!H", check) + segment[at + 2:]
ttl = 64 if bug == "ttl_fixed" else args.ttl

frames = []
room = (args.mtu - 20) // 8 * 8
if bug == "ignores_mtu" or v6 or len(segment) + 20 <= args.mtu:
    room = max(len(segment), 1)
for begin in range(0, len(segment), room):
    piece = segment[begin:begin + room]
    more = begin + room < len(segment)
    if v6:
        length = len(piece) + (40 if bug == "v6_length" else 0)
        ip = struct.pack("!IHBB", 6 << 28, length, number, ttl)
        ip += source.packed + target.packed
        kind = 0x86DD
    else:
        field = begin if bug == "offset_in_bytes" else begin // 8
        if more and bug != "no_more_fragments":
            field |= 0x2000
        total = len(piece) + (0 if bug == "length_without_header" else 20)
        if bug == "length_with_ethernet":
            total += 14
        ip = struct.pack("!BBHHHBBH", 0x45, 0, total, 7, field, ttl, number, 0)
        ip += source.packed + target.packed
        sum_ = 0 if bug == "ip_sum_zero" else checksum(ip)
        ip = ip[:10] + struct.pack("<H" if bug == "sum_swapped" else "!H", sum_) + ip[12:]
        kind = 0x0800
    if bug == "little_endian_type":
        kind = int.from_bytes(kind.to_bytes(2, "little"), "big")
    frames.append(b"\2\0\0\0\0\2\2\0\0\0\0\1" + struct.pack("!H", kind) + ip + piece)

if bug != "values_missing":
    if bug == "unusual":
        print("2026-01-01 INFO  wrapping")
        print(f"  source port .......... = {source_port}")
        print(f"  DESTINATION PORT (dec) = {target_port}")
        print(f"| Source address | {source} |\n| Destination address | {target} |")
        print(f"ttl={ttl}\nprotocol: {args.protocol.upper()} ({number})")
    else:
        print(f"Source port: {source_port}\nDestination port: {target_port}")
        print(f"Source address: {source}\nDestination address: {target}")
        print(f"TTL: {ttl}\nProtocol: {number}")
if args.pcap:
    order = "<" if bug == "unusual" else "!"
    with open(args.pcap, "wb") as file:
        file.write(struct.pack(order + "IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            if bug == "no_frame_header":
                file.write(frame)
                continue
            file.write(struct.pack(order + "IIII", int(time.time()), 0, len(frame), len(frame)))
            file.write(frame)
