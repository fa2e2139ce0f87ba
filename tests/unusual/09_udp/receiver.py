"""A receiver that uses a buffered logger, shows bad bytes escaped, and sleeps in select."""

import logging
import selectors
import socket
import sys

host, port = sys.argv[1], int(sys.argv[2])
logging.basicConfig(stream=sys.stderr, level=logging.INFO, encoding="utf-8")
sys.stderr.reconfigure(encoding="utf-8")
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((host, port))
sock.setblocking(False)
selector = selectors.DefaultSelector()
selector.register(sock, selectors.EVENT_READ)
while True:
    selector.select()
    data, peer = sock.recvfrom(65535)
    logging.info("Received '%s' from %s", data.decode(errors="backslashreplace"), peer)
