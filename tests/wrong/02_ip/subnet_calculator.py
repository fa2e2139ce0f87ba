"""Calculates with IP prefixes, with the bug that argv[3] names."""
import ipaddress
import re
import sys

bug, words = sys.argv[3], sys.argv[4:]


def classful(byte):
    ends = {"A": 128, "B": 192, "C": 224, "D": 240, "E": 256}
    if bug == "class_a_to_126":
        ends["A"] = 127
    if bug == "class_c_to_222":
        ends["C"] = 223
    return next(name for name, end in ends.items() if byte < end)


def mask_of(text, bits):
    if "." in text:
        number = int(ipaddress.IPv4Address(text))
        ones = bin(number).count("1")
        if bug == "mask_ignored":
            return 24
        if bug != "gaps" and number != (0xFFFFFFFF << (32 - ones)) & 0xFFFFFFFF:
            sys.exit(f"error: {text} is not a mask")
        return ones
    if bug == "reads_leading_digits":
        text = re.match("-?[0-9]*", text)[0]
    try:
        length = int(text)
    except ValueError:
        sys.exit(f"error: {text} is not a length")
    if not 0 <= length <= bits:
        if bug == "long_is_32":
            return bits
        sys.exit(f"error: /{text} is too long")
    return length


def calculate(text):
    address, _, length = text.partition("/")
    if bug == "second_slash":
        length = length.partition("/")[0]
    if bug == "letters_behind":
        address = re.sub(r"(\.[0-9]+)[a-z]+$", r"\1", address)
    try:
        address = ipaddress.ip_address(address)
    except ValueError as error:
        if bug == "traceback":
            raise
        sys.exit(f"error: {error}")
    bits = address.max_prefixlen
    if bits == 128 and bug == "only_v4":
        sys.exit("error: only IPv4")
    length = mask_of(length, bits)
    make = type(address)
    wild = (1 << (bits - length)) - 1
    mask = ((1 << bits) - 1) ^ wild
    if bug == "zero_shift" and length == 0:
        mask, wild = (1 << bits) - 1, 0
    network = int(address) & mask
    if bug == "network_is_address":
        network = int(address)
    last = network | wild
    print(f"Network: {make(network)}/{length}")
    print(f"Netmask: {make(wild if bug == 'mask_inverted' else mask)}")
    print(f"Wildcard: {make(wild)}")
    if bits == 32:
        broadcast = last - 1 if bug == "broadcast_off_by_one" else last
        print(f"Broadcast: {make(broadcast)}")
    elif bug == "v6_says_broadcast":
        print(f"Broadcast: {make(last)}")
    first_host, last_host = network + 1, last - 1
    if bits == 128 and bug != "v6_broadcast":
        last_host = last
    if bits - length < 2 and not (bits == 128 and bug == "no_127"):
        if bug not in ("no_31", "no_32") or (bug, bits - length) in (("no_31", 0), ("no_32", 1)):
            first_host, last_host = network, last
    count = max(last_host - first_host + 1, 0)
    if bug == "counts_all":
        count = wild + 1
    print(f"First host: {make(max(0, min(first_host, 2**bits - 1)))}")
    print(f"Last host: {make(max(0, last_host))}")
    print(f"Hosts: {count}")
    print(f"Addresses: {wild + 1}")
    if bits == 32:
        print(f"Class: {classful(int(address) >> 24)}")
        for number in (int(address), mask, network):
            groups = [(number >> shift) & 255 for shift in (24, 16, 8, 0)]
            form = "{:b}" if bug == "bits_not_padded" else "{:08b}"
            join = " " if bug == "unusual" else "."
            print("  " + join.join(form.format(group) for group in groups))


if bug == "table":
    # As a table in colours, IPv6 addresses in full, marks between the thousands.
    def cell(name, value=""):
        name = name.lower().replace(" ", "_")
        if value.isdigit():
            value = f"{int(value):,}"
        elif ":" in value:
            address, _, length = value.partition("/")
            value = ipaddress.IPv6Address(address).exploded.upper() + ("/" + length) * bool(length)
        return f"\x1b[36m│ {name:<12}\x1b[0m │ \x1b[1m{value:<44}\x1b[0m │"

    def print(line):
        sys.stdout.write((cell(*line.split(": ")) if ": " in line else line) + "\n")

for word in words[:1] if bug == "first_only" else words:
    calculate(word)
    print("-" * 40)
