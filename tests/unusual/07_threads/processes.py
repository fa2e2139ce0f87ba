"""A process for each client instead of a thread, or each reply late and in colours."""

import socketserver
import sys
import time

host, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        peer = self.client_address
        self.say(f"New connection from {peer}")
        try:
            while data := self.request.recv(1024):
                text = data.decode("utf-8", "backslashreplace")
                self.say(f"Received from {peer}: {text}")
                if mode == "late":
                    time.sleep(0.3)
                self.request.sendall(b"Echo: " + data)
        except OSError as error:
            self.say(f"Error with client {peer}: {error}")
        self.say(f"Connection closed by {peer}")
        self.say(f"Connection handler closed for {peer}")

    def say(self, line):
        print(f"\033[2m12:00:00\033[0m \033[36m{line}\033[0m", file=sys.stderr, flush=True)


kind = {
    "forking": socketserver.ForkingTCPServer,
    "late": socketserver.ThreadingTCPServer,
}[mode]
kind.allow_reuse_address = True
kind.daemon_threads = True
kind.request_queue_size = 20
if mode == "forking":
    kind.max_children = 100
try:
    server = kind((host, port), Handler)
except OSError as error:
    sys.exit(f"Socket error on start: {error}")
server.serve_forever(poll_interval=0.05)
