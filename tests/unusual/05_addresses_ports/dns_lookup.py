"""Looks names up and writes a sentence about each, its addresses without their families."""

import socket
import sys

names = sys.argv[3:]
unknown = []
for name in names:
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(name, 80)}
    except socket.gaierror as error:
        unknown.append(name)
        print(f"{name} is unknown: {error.strerror}.", file=sys.stderr)
    else:
        print(f"{name} is at {' and '.join(sorted(found, reverse=True))}.")
sys.exit(len(unknown))
