"""Prints the reply alone; a failure is one line on stderr and status 2."""
import socket, ssl, sys

context = ssl.create_default_context(cafile=sys.argv[sys.argv.index("--ca") + 1])
# As OpenSSL itself does it, and Python on Debian: TLS 1.1 is offered, but what comes of it
# is refused.
context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as stream:
        with context.wrap_socket(stream, server_hostname=sys.argv[1]) as secure:
            secure.sendall(b"Hello, secure server!")
            reply = secure.recv(1024)
            if not reply:
                sys.exit("no reply")
            print("\x1b[32mReceived:", reply.decode(), end="\n")
except OSError as error:
    print("failed:", error, file=sys.stderr)
    sys.exit(2)
