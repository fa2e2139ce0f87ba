"""A UDP counter or echo server, and the bug that the third argument names."""

import socket
import sys
import threading

host, port, step, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
sys.stdout.reconfigure(line_buffering=True, encoding="utf-8")


def reply(count, data):
    if step == "udp_echo_server":
        prefix = b"Echo: " if bug == "literal" else b"Server echo: "
        if bug == "trims":
            data = data.strip()
        elif bug == "strips_line_end":
            data = data.rstrip(b"\r\n")
        elif bug == "upper":
            data = data.upper()
        elif bug == "cut_at_nul":
            data = data.partition(b"\0")[0]
        text = prefix + data
    else:
        text = b"Received! Message #%d" % count
    return text + b"\n" if bug == "newline" else text


def shown(data):
    if bug == "copies":
        memoryview(bytearray(2000))[:len(data)] = data
    if bug == "stale":
        buffer[:len(data)] = data
        return buffer.rstrip(b"\0").decode(errors="replace")
    if bug == "ends_at_nul":
        data = data.partition(b"\0")[0]
    if bug == "strict":
        return data.decode()
    if bug == "bytes_form":
        return str(data)
    if bug == "mute":
        return ""
    return data.decode(errors="replace")


sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if bug == "icmp":
    # What a connected socket, or Windows, reports: a client was gone.
    sock.setsockopt(socket.IPPROTO_IP, 11, 1)
if bug == "any_port":
    port = 0
if bug == "tcp":
    sock = socket.socket()
try:
    sock.bind(("0.0.0.0" if bug == "all_interfaces" else host, port))
except OSError as error:
    if bug == "in_use_silent":
        sys.exit(1)
    if bug == "in_use_zero":
        print(error)
        sys.exit(0)
    sys.exit(f"cannot listen: {error}")
if bug == "tcp":
    sock.listen()
    while True:
        sock.accept()

first = last = None
buffer = bytearray(65535)
per_client = {}
count = 0 if bug == "from_zero" else 1
size = {"small": 512, "tiny": 16}.get(bug, 65535)
while True:
    try:
        data, peer = sock.recvfrom(size)
    except:
        if bug != "catches_all":
            raise
        continue
    if bug == "knows_quit" and data.strip() == b"quit":
        break
    if bug == "silent_on_blank" and data.isspace():
        continue
    if not data and bug in ("empty_ends", "empty_ignored"):
        if bug == "empty_ends":
            break
        continue
    if bug == "drops_repeats" and data == last:
        continue
    last = data
    first = first or peer
    number = count
    if bug == "per_client":
        number = per_client[peer] = per_client.get(peer, 0) + 1
    if bug == "per_address":
        number = per_client[peer[0]] = per_client.get(peer[0], 0) + 1
    if bug == "frozen":
        number = 1
    text = shown(data)
    name = (host, port) if bug == "own_address" else peer
    if step == "udp_server":
        print(f"\nMessage #{number} from {name}: {text}")
    else:
        print(f"Received '{text}' from {name}")
    answer = reply(number, data)
    if bug == "other_socket":
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(answer, peer)
    elif bug == "number_of_the_moment":
        late = lambda to: sock.sendto(reply(count - 1, b""), to)
        threading.Timer(0.1, late, [peer]).start()
    elif bug == "own_machine":
        sock.sendto(answer, (host, peer[1]))
    elif bug != "no_reply":
        sock.sendto(answer, first if bug == "first_client" else peer)
    if bug == "sent_to_itself":
        print(f"Sent response to {host}:{port}")
    if bug == "twice":
        sock.sendto(answer, peer)
    if bug == "one_only":
        break
    count += 1
