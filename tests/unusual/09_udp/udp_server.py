"""A UDP counter or echo server that does everything right in an unusual way."""

import asyncio
import socket
import sys
import time

host, port, step, way = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
count = 0


def answer(data, peer):
    global count
    count += 1
    text = data.decode(errors="backslashreplace")
    if way == "logs":
        stamp = time.strftime("%H:%M:%S")
        print(f"\x1b[32m{stamp} INFO\x1b[0m Message #{count} from {peer}: {text}", file=sys.stderr, flush=True)
    elif step == "udp_server":
        print(f"\nMessage #{count} from {peer}: {text}", flush=True)
    else:
        print(f'Received "{text}" from {peer}', flush=True)
    if step == "udp_server":
        return f"Received! Message #{count}".encode()
    return b"Server echo: " + data


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.transport.sendto(answer(data, peer), peer)


async def serve():
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Echo, local_addr=(host, port))
    await asyncio.Future()


def serve_by_fresh_sockets():
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, port))
            data, peer = sock.recvfrom(65535)
            sock.sendto(answer(data, peer), peer)


def serve_by_one_socket():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, port))
    while True:
        data, peer = sock.recvfrom(65535)
        reply = answer(data, peer)
        if way == "slow":
            time.sleep(0.3)
        sock.sendto(reply, peer)


sys.stdout.reconfigure(encoding="utf-8")
sys.stderr.reconfigure(encoding="utf-8")
if way == "late":
    print(f"UDP Server listening on {host}:{port}", flush=True)
    time.sleep(2)
try:
    if way == "asyncio":
        asyncio.run(serve())
    elif way == "fresh_socket":
        serve_by_fresh_sockets()
    else:
        serve_by_one_socket()
except OSError as error:
    sys.exit(f"ERROR: {error}")
