"""Tells what addresses and ports are for, with the bug that argv[3] names."""
import ipaddress
import sys

bug = sys.argv[3]
BLOCKS = [
    ("10.0.0.0/8", "private"), ("192.168.0.0/16", "private"),
    ("172.0.0.0/8" if bug == "all_172" else "172.16.0.0/12", "private"),
    ("127.0.0.1/32" if bug == "one_loopback" else "127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"), ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/5" if bug == "half_of_class_d" else "224.0.0.0/4", "multicast"),
    ("::1/128", "loopback"),
    ("fe80::/16" if bug == "sixteen_bits" else "fe80::/10", "link-local"),
    ("fd12::/16" if bug == "no_unique_local" else "fc00::/7", "private"),
    ("ff00::/8", "multicast"), ("2001:db8::/32", "documentation"),
]
SERVICES = {22: "ssh", 25: "smtp", 80: "http", 443: "https"}
if bug == "https_on_80":
    SERVICES[80] = "https"


def fail(text):
    if bug == "error_is_success":
        print("not an address")
        sys.exit(0)
    sys.exit(f"error: {text}")


def port_of(text):
    if not text.isdigit() or int(text) > 65535:
        if bug == "any_port" and text.isdigit():
            return int(text) % 65536
        fail(f"{text} is no port")
    return int(text)


for text in sys.argv[4:5] if bug == "first_only" else sys.argv[4:]:
    port = None
    if text.isdigit():
        address, port = None, port_of(text)
    elif text.startswith("["):
        address, _, rest = text[1:].partition("]")
        port = port_of(rest[1:]) if rest else None
    elif text.count(":") == 1:
        address, _, rest = text.partition(":")
        port = port_of(rest)
        if bug == "port_dropped":
            port = None
    else:
        address = text
    if address is not None:
        try:
            address = ipaddress.ip_address(address)
        except ValueError as error:
            fail(error)
        scope = "public"
        for block, name in BLOCKS:
            block = ipaddress.ip_network(block)
            if block.version == address.version and address in block:
                scope = name
        if bug == "unusual":
            print(f"12:00 INFO {address}: family=IPv{address.version}, scope={scope} (RFC 6890)")
        else:
            print(f"Family: IPv{address.version}\nScope: {scope}")
    if port is not None:
        edge = 1 if bug == "range_off_by_one" else 0
        name = "well-known" if port < 1024 + edge else "registered" if port < 49152 + edge else "dynamic"
        name = f"\x1b[1m{name.title()}\x1b[0m ports" if bug == "unusual" else name
        print(f"Port range: {name}\nService: {SERVICES.get(port, 'none')}")
