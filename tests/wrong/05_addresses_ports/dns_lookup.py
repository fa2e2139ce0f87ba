"""Looks names up, with the bug that argv[3] names."""
import socket
import sys

bug, names = sys.argv[3], sys.argv[4:]
failed = 0
for name in names[:1] if bug == "first_only" else names:
    try:
        found = socket.getaddrinfo(name, None)
    except OSError as error:
        if bug == "traceback":
            raise
        print(f"error: {name}: {error}", file=sys.stderr)
        failed = 1
        if bug == "stops_at_error":
            break
        continue
    if bug == "last_one_counts":
        failed = 0
    addresses = dict.fromkeys((family, sockaddr[0]) for family, _, _, _, sockaddr in found)
    for family, address in addresses:
        if bug == "only_v6" and family == socket.AF_INET:
            continue
        if bug == "only_v4" and family == socket.AF_INET6:
            continue
        version = 6 if family == socket.AF_INET6 else 4
        print(f"  IPv{version} address: {address}" if bug == "unusual" else f"IPv{version}: {address}")
sys.exit(0 if bug == "error_is_success" else failed)
