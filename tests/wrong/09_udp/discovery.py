"""A discovery responder or probe, and the bug that the fourth argument names."""

import socket
import sys
import time

host, port, step, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
GROUP = "239.255.42.99"
sys.stdout.reconfigure(line_buffering=True, encoding="utf-8")
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


askers = set()


def respond():
    if bug != "alone":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host if bug == "not_joined" else GROUP, port))
    if bug != "not_joined":
        member = socket.inet_aton(GROUP) + socket.inet_aton(host)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    while True:
        try:
            data, peer = sock.recvfrom(1024)
        except:
            if bug != "catches_all":
                raise
            continue
        text = data.decode(errors="strict" if bug == "strict" else "replace")
        if not data and bug == "empty_ends":
            return
        is_question = text.strip() == "WHO"
        if bug == "answers_the_beginning":
            is_question = text.startswith("WHO")
        elif bug == "answers_answers":
            is_question = text.startswith(("WHO\n", "HERE"))
        if not is_question:
            continue
        place = {"everywhere": "0.0.0.0", "at_the_group": GROUP}.get(bug, host)
        line = f"HERE lab {place}:{port}\n"
        if bug == "port_0":
            line = f"HERE lab {place}:0\n"
        elif bug == "askers_address":
            line = f"HERE lab {peer[0]}:{peer[1]}\n"
        if bug == "once_each":
            if peer in askers:
                continue
            askers.add(peer)
        if bug == "no_address":
            line = "HERE lab\n"
        elif bug == "no_line_end":
            line = line.strip()
        elif bug == "lower":
            line = line.lower()
        sock.sendto(line.encode(), (GROUP, port) if bug == "to_the_group" else peer)
        if bug == "twice":
            sock.sendto(line.encode(), peer)


def probe():
    interface = socket.inet_aton(host)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
    if bug == "no_loop":
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    question = {"literal": b"WHO?\n", "no_line_end": b"WHO"}.get(bug, b"WHO\n")
    sock.sendto(question, (host if bug == "unicast" else GROUP, port))
    end = time.monotonic() + (1 if bug == "one_second" else 2)
    while bug != "no_wait":
        sock.settimeout(max(end - time.monotonic(), 0.001))
        if bug == "for_ever":
            sock.settimeout(None)
        elif bug == "half_a_second":
            sock.settimeout(0.5)
        elif bug == "each_answer_anew":
            sock.settimeout(2)
        try:
            data, _ = sock.recvfrom(1024)
        except TimeoutError:
            return
        errors = "strict" if bug == "trusts_all" else "replace"
        text = data.decode(errors=errors).strip()
        print(text.split()[1] if bug == "name_only" else text)
        if bug == "first_only":
            return


respond() if step == "discovery_responder" else probe()
