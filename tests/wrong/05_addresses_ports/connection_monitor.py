"""Shows the sockets of this machine, with the bug that argv[3] names."""
import glob
import os
import socket
import struct

import sys

bug = sys.argv[3]
STATES = {1: "ESTAB", 2: "SYN-SENT", 3: "SYN-RECV", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT",
          7: "UNCONN", 8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING"}
if bug == "states_shifted":
    STATES[10], STATES[9] = STATES[9], STATES[10]
if bug == "all_listen":
    STATES = dict.fromkeys(STATES, "LISTEN") | {1: "ESTAB LISTEN"}


def endpoint(text):
    address, port = text.split(":")
    words = [int(address[at:at + 8], 16) for at in range(0, len(address), 8)]
    order = ">" if bug == "big_endian" else "="
    packed = b"".join(struct.pack(order + "I", word) for word in words)
    port = int(port, 16)
    if bug == "port_swapped":
        port = socket.htons(port)
    if len(packed) == 4:
        return f"{socket.inet_ntop(socket.AF_INET, packed)}:{port}"
    return f"[{socket.inet_ntop(socket.AF_INET6, packed)}]:{port}"


owners = {}
if bug != "no_processes":
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:["):
            owners.setdefault(target[8:-1], set()).add(link.split("/")[2])
tables = ["tcp", "tcp6", "udp", "udp6"]
if bug == "no_udp":
    tables = tables[:2]
if bug == "no_ipv6":
    tables = ["tcp", "udp"]
if bug == "unusual":
    tables.reverse()
for table in tables:
    try:
        lines = open(f"/proc/net/{table}").read().splitlines()[1:]
    except FileNotFoundError:
        continue
    for line in lines:
        words = line.split()
        state = STATES.get(int(words[3], 16), "?")
        if table.startswith("tcp") and state not in ("ESTAB", "TIME-WAIT", "LISTEN"):
            if bug == "passes_over_others":
                continue
            if bug == "others_established":
                state = "ESTAB"
        local, peer = endpoint(words[1]), endpoint(words[2])
        if bug == "only_listening" and state != "LISTEN" and table.startswith("tcp"):
            continue
        if bug == "ends_swapped" and state != "LISTEN":
            local, peer = peer, local if state != "ESTAB" else "-"
        who = ",".join("pid=" + pid for pid in owners.get(words[9], []))
        if bug == "unusual":
            print(f"{state} | {table[:3]} | {local} | {peer} | {who}")
        else:
            print(f"{table[:3]} {state} {local} {peer} {who}")
