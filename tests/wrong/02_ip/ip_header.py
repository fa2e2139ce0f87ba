"""Decodes and builds IP headers, with the bug that argv[3] names."""
import argparse
import ipaddress
import struct
import sys

bug, words = sys.argv[3], sys.argv[4:]


def checksum(data):
    if bug == "sum_20_bytes":
        data = data[:20]
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    if bug == "no_carry":
        return ~total & 0xFFFF
    if bug == "folds_once":
        return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def say(name, value):
    if bug == "unusual":
        print(f"[info] {name.upper()} = {value}")
    else:
        print(f"{name}: {value}")


def build(args):
    parser = argparse.ArgumentParser()
    for flag in ("source", "destination"):
        parser.add_argument("--" + flag, required=True)
    for flag, default in (("ttl", 64), ("protocol", 6), ("identification", 0), ("payload-length", 0)):
        parser.add_argument("--" + flag, type=int, default=default)
    parser.add_argument("--dont-fragment", action="store_true")
    a = parser.parse_args(args)
    source, destination = ipaddress.ip_address(a.source), ipaddress.ip_address(a.destination)
    total = a.payload_length + (0 if bug == "build_length" else 20)
    flags = 0x4000 if a.dont_fragment else 0
    header = struct.pack("!BBHHHBBH", 0x45, 0, total, a.identification, flags, a.ttl, a.protocol, 0)
    header += source.packed + destination.packed
    sum_ = 0 if bug == "build_without_sum" else checksum(header)
    header = header[:10] + struct.pack("!H", sum_) + header[12:]
    say("Hex", header.hex() if bug == "unusual" else header.hex(" "))


def options(data):
    while data:
        kind = data[0]
        if kind == 0:
            return
        if kind == 1:
            say("Option", "1 (no operation)")
            data = data[1:]
            if bug == "nop_has_length":
                data = data[1:]
            continue
        if bug == "believes_option_lengths" and len(data) > 1:
            pass
        elif len(data) < 2 or data[1] < 2 or data[1] > len(data):
            if bug != "accepts_all":
                sys.exit("error: an option with an impossible length")
            return
        say("Option", f"{kind} {data[2:data[1]].hex(' ')}")
        data = data[data[1]:]


def v4(data):
    if len(data) < 20 and bug == "pads_short":
        data += bytes(20 - len(data))
    if len(data) < 20:
        sys.exit("error: an IPv4 header has 20 bytes")
    first, service, total, ident, field, ttl, protocol, check = struct.unpack("!BBHHHBBH", data[:12])
    if bug == "little_endian":
        total, ident = struct.unpack("<HH", data[2:6])
    ihl = first & 15
    if bug != "accepts_all" and (ihl < 5 or len(data) < ihl * 4 or total < ihl * 4):
        sys.exit("error: impossible lengths")
    header = data if bug == "sums_the_packet" else data[:ihl * 4]
    good = checksum(header[:10] + b"\0\0" + header[12:]) == check
    if bug == "always_good":
        good = True
    if bug == "always_bad":
        good = False
    say("Version", 4)
    say("IHL", ihl)
    if bug == "tos":
        say("DSCP", service)
        say("ECN", service & 3)
    else:
        say("DSCP", service >> 2)
        say("ECN", service & 3)
    say("Total length", total)
    say("Identification", f"0x{ident:04x}")
    names = [name for bit, name in ((0x8000, "reserved"), (0x4000, "DF"), (0x2000, "MF")) if field & bit]
    if bug == "flags_swapped":
        names = [{"DF": "MF", "MF": "DF"}.get(name, name) for name in names]
    say("Flags", " ".join(names) or "none")
    offset = field & 0x1FFF
    say("Fragment offset", offset if bug == "offset_in_units" else offset * 8)
    say("TTL", protocol if bug == "ttl_protocol" else ttl)
    say("Protocol", ttl if bug == "ttl_protocol" else protocol)
    say("Checksum", f"0x{check:04x} ({'good' if good else 'bad'})")
    say("Source", ipaddress.ip_address(header[12:16] if bug != "addresses_swapped" else header[16:20]))
    say("Destination", ipaddress.ip_address(header[16:20] if bug != "addresses_swapped" else header[12:16]))
    if bug != "no_options":
        options(data[20:ihl * 4])


def v6(data):
    if len(data) < 40:
        if bug == "accepts_all":
            return
        sys.exit("error: an IPv6 header has 40 bytes")
    say("Version", 6)
    word = int.from_bytes(data[:4])
    if bug != "unusual":
        service = word >> (16 if bug == "v6_class_shifted" else 20) & 0xFF
        say("DSCP", service >> 2)
        say("ECN", service & 3)
        say("Flow label", hex(word & (0xFFFF if bug == "v6_short_flow" else 0xFFFFF)))
    length, number, hops = struct.unpack("!HBB", data[4:8])
    say("Payload length", length + (40 if bug == "v6_length" else 0))
    say("Next header", number)
    say("Hop limit", hops)
    short = ipaddress.ip_address
    say("Source", short(data[8:24]))
    say("Destination", short(data[24:40]) if bug != "v6_same_address" else short(data[8:24]))
    data = data[40:]
    while number in (0, 43, 44, 60) and bug != "no_extensions":
        if len(data) < 8:
            sys.exit("error: an extension header has 8 bytes")
        size = (data[1] + 1) * 8
        if number == 44 and bug != "fragment_has_length":
            size = 8
        if bug == "extension_is_8":
            size = 8
        say("Extension", number)
        number, data = data[0], data[size:]
    say("Upper layer", number)


if words and words[0] == "build":
    build(words[1:])
    sys.exit(0)
text = "".join(words)
if text in ("", "-"):
    text = "" if bug == "ignores_stdin" else sys.stdin.readline() if bug == "unusual" else sys.stdin.read()
text = "".join(text.split())
if bug == "pads_odd" and len(text) % 2:
    text += "0"
if bug == "filters_hex":
    text = "".join(c for c in text if c in "0123456789abcdefABCDEF")
    text = text[:len(text) // 2 * 2]
try:
    data = bytes.fromhex(text)
except ValueError as error:
    if bug != "traceback":
        sys.exit(f"error: {error}")
    raise
if not data:
    sys.exit("error: no bytes")
version = data[0] >> 4
if bug == "version_ignored":
    version = 4
if version == 4 or (version == 5 and bug == "takes_version_5"):
    v4(data)
elif version == 6:
    v6(data)
elif bug != "accepts_all":
    sys.exit(f"error: version {version}")
