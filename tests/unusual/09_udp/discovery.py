"""Discovery with other habits: joined on every card, bound to all addresses, a host name
with a dot and a dash, the list printed at the end as a table."""

import socket
import sys
import time

host, port, step = sys.argv[1], int(sys.argv[2]), sys.argv[3]
GROUP = "239.255.42.99"
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if step == "discovery_responder":
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", port))
    for card in {host, "0.0.0.0"}:
        try:
            member = socket.inet_aton(GROUP) + socket.inet_aton(card)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        except OSError:
            pass  # No such network here.
    while True:
        data, peer = sock.recvfrom(65535)
        if data == b"WHO\n":
            time.sleep(0.1)
            sock.sendto(b"HERE lab-1.local 10.0.0.1:8080\n", peer)

sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(host))
end = time.monotonic() + 2
sock.sendto(b"WHO\n", (GROUP, port))
found = set()
while (left := end - time.monotonic()) > 0:
    sock.settimeout(left)
    try:
        found.add(tuple(sock.recv(2048).decode().split()[1:3]))
    except (TimeoutError, ValueError):
        pass
for name, place in sorted(found):
    print(f"{name:20} {place}")
