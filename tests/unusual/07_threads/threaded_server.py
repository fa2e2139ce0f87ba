"""The same behaviour by other means: asyncio, or a pool of 64 threads."""

import asyncio
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

host, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def peer_name(address):
    return f"('{address[0]}', {address[1]})"


async def converse(reader, writer):
    peer = peer_name(writer.get_extra_info("peername"))
    print(f"[asyncio] New connection from {peer}", flush=True)
    try:
        while piece := await reader.read(700):
            text = piece.decode(errors="replace")
            print(f"[asyncio] Received from {peer}: {text}", flush=True)
            writer.write(b"Echo: ")
            await asyncio.sleep(0)
            writer.write(piece)
            await writer.drain()
        print(f"[asyncio] Connection closed by {peer}", flush=True)
    except OSError as error:
        print(f"[asyncio] Error with client {peer}: {error}", flush=True)
    finally:
        writer.close()
        print(f"[asyncio] Connection handler closed for {peer}", flush=True)


async def serve_by_events():
    server = await asyncio.start_server(converse, host, port)
    async with server:
        await server.serve_forever()


def serve(stream, peer):
    peer = peer_name(peer)
    print(f"New connection from {peer}", flush=True)
    with stream:
        try:
            while piece := stream.recv(4096):
                print(f"Received from {peer}: {piece.decode(errors='ignore')}", flush=True)
                stream.sendall(b"Echo: " + piece)
            print(f"Connection closed by {peer}", flush=True)
        except OSError as error:
            print(f"Error with client {peer}: {error}", flush=True)
    print(f"Connection handler closed for {peer}", flush=True)


def serve_by_a_pool():
    listener = socket.create_server((host, port))
    with ThreadPoolExecutor(64) as pool:
        while True:
            pool.submit(serve, *listener.accept())


try:
    if mode == "asyncio":
        asyncio.run(serve_by_events())
    else:
        serve_by_a_pool()
except OSError as error:
    print(f"Socket error on start: {error}", file=sys.stderr)
    sys.exit(2)
