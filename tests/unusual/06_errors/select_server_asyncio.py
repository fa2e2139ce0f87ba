"""A correct one-thread echo server with asyncio: drain() is its backpressure."""

import asyncio
import signal
import sys


async def serve(reader, writer):
    peer = writer.get_extra_info("peername")
    print("Connected by", peer, flush=True)
    try:
        while data := await reader.read(1024):
            print("Received:", data.decode(errors="replace"), flush=True)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
        print("Connection closed with", peer, flush=True)


async def main():
    try:
        server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]))
    except OSError as error:
        sys.exit(f"Socket error on start: {error}")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    await stop.wait()
    print("Server shutting down", flush=True)
    server.close()


asyncio.run(main())
