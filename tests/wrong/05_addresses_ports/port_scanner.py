"""Scans TCP ports with a few threads, with the bug that argv[3] names."""
import argparse
import ipaddress
import itertools
import socket
import sys
import threading
import time

bug = sys.argv[3]
parser = argparse.ArgumentParser()
parser.add_argument("host", nargs="?", default="127.0.0.1")
parser.add_argument("--ports", default="1-1024")
parser.add_argument("--timeout", type=int, default=1000)
args = parser.parse_args(sys.argv[4:])
SERVICES = {8080: "http-alt", 5432: "postgresql", 3306: "mysql", 6379: "redis"}
if bug == "no_services":
    SERVICES = {}
if bug == "unknown_is_closed" and args.host.endswith(".invalid"):
    # What a connect that asks for the name each time makes of its error.
    print("0 open, 1 closed, 0 filtered")
    sys.exit(0)
if not ipaddress.ip_address(args.host).is_loopback:
    if bug == "scans_anybody":
        print("9 filtered\n0 open, 0 closed, 1 filtered")
        sys.exit(0)
    if bug == "refuses_without_reason":
        sys.exit("error")
    if bug == "other_words":
        sys.exit("error: scanning strangers is not allowed")
    sys.exit("error: do you have permission to scan a public address?")


def port(text):
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        if bug == "bad_ports_are_none":
            return 1
        sys.exit(f"error: {text} is no port")
    return int(text)


ports = []
for part in args.ports.split(","):
    first, _, last = part.partition("-")
    if bug == "list_takes_first" and ports:
        break
    if bug == "range_takes_ends" and last:
        ports += [port(first), port(last)]
        continue
    low, high = port(first), port(last or first)
    if high < low and bug != "bad_ports_are_none":
        sys.exit(f"error: {part} is backwards")
    if bug == "last_left_out":
        high -= 1
    if bug == "single_needs_range" and not last:
        sys.exit(f"error: {part} is no range")
    ports += range(low, high + 1)
states = {}


def probe(number):
    with socket.socket() as sock:
        if bug != "no_timeout":
            sock.settimeout(args.timeout / 1000)
        try:
            sock.connect((args.host, number))
            states[number] = "open"
        except TimeoutError:
            states[number] = "closed" if bug == "filtered_is_closed" else "filtered"
        except OSError:
            states[number] = "open" if bug == "closed_is_open" else "closed"


pending = iter(ports)
guard = threading.Lock()


def work():
    while True:
        with guard:
            number = next(pending, None)
        if number is None:
            return
        probe(number)


if bug == "thread_per_port":
    threads = [threading.Thread(target=probe, args=[number]) for number in ports]
else:
    workers = {"unusual": 100, "other_words": 4, "one_after_another": 1}.get(bug, 40)
    threads = [threading.Thread(target=work) for _ in range(workers)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for number in sorted(states):
    if states[number] == "open":
        name = SERVICES.get(number, "")
        if bug == "other_words":
            print(f"\x1b[32m{args.host}:{number} [OPEN] {name}\x1b[0m")
            continue
        print(f"Port {number}: open ({name})" if bug == "unusual" else f"{number}/tcp open {name}")
count = list(states.values()).count
if bug == "other_words":
    print("\n".join(f"{state} ports: {count(state)}" for state in ("open", "closed", "filtered")))
elif bug != "no_summary":
    print(f"{count('open')} open, {count('closed')} closed, {count('filtered')} filtered")
