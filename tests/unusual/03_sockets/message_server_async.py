"""A correct message server for many clients without a thread: asyncio (F13)."""

import asyncio
import sys


async def serve(reader, writer):
    host, port = writer.get_extra_info("peername")[:2]
    print(f"Accepted connection from {host}:{port}", flush=True)
    try:
        while data := await reader.read(1024):
            print(f"Received: {data.decode(errors='replace')}", flush=True)
            if data.lower() == b"close":
                writer.write(b"closed")
                break
            writer.write(b"accepted")
            await writer.drain()
    except OSError:
        pass
    writer.close()
    print(f"Connection to client ({host}:{port}) closed", flush=True)


async def main():
    try:
        server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]))
    except OSError as error:
        sys.exit(f"Error: {error}")
    async with server:
        await server.serve_forever()


asyncio.run(main())
