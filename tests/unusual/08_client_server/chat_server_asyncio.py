"""A chat room on asyncio: no thread at all, pieces of 500 bytes, more lines than asked."""

import asyncio
import signal
import sys

GREETING = b"Welcome to the chat server! Type 'quit' to exit.\n"
PIECE = 500
LIMIT = 8 * 1024 * 1024
room = {}


def log(text):
    print(f"chat: {text}", file=sys.stderr, flush=True)


def tell(writer, data):
    if writer.is_closing():
        return
    if writer.transport.get_write_buffer_size() > LIMIT:
        writer.transport.abort()
        return
    writer.write(data)


def tell_others(writer, line):
    for other in list(room):
        if other is not writer:
            tell(other, line.encode())


def hear(writer, message, peer):
    text = message.decode(errors="backslashreplace").removesuffix("\n")
    log(f"[{peer}] {text}")
    if text.strip().lower() == "quit":
        return False
    tell(writer, b"Server received: " + message)
    if text.strip() == "/who":
        tell(writer, "".join(f"* - {name}\n" for name in room.values()).encode())
        return True
    if text.startswith("/name "):
        name = text.removeprefix("/name ").strip()
        if name.isalnum() and name not in room.values():
            room[writer] = name
        else:
            tell(writer, b"* no\n")
        return True
    line = text.encode("unicode_escape").decode() if not text.isprintable() else text
    tell_others(writer, f"[{room[writer]}] {line}\n")
    return True


async def messages(reader):
    buf = b""
    while True:
        try:
            data = await asyncio.wait_for(reader.read(4096), 0.05 if buf else None)
        except TimeoutError:
            yield buf
            buf = b""
            continue
        except asyncio.TimeoutError:
            yield buf
            buf = b""
            continue
        if not data:
            break
        buf += data
        while b"\n" in buf or len(buf) >= PIECE:
            cut = buf.find(b"\n") + 1 or PIECE
            cut = min(cut, PIECE)
            yield buf[:cut]
            buf = buf[cut:]
    if buf:
        yield buf


async def handle(reader, writer):
    host, port = writer.get_extra_info("peername")[:2]
    peer = f"{host}:{port}"
    writer.write(GREETING)
    room[writer] = peer
    log(f"[NEW CONNECTION] {peer} connected")
    log(f"[ACTIVE CONNECTIONS] {len(room)}")
    tell_others(writer, f"* {peer} joined\n")
    try:
        async for message in messages(reader):
            if not hear(writer, message, peer):
                break
            # The sender waits when it does not read its confirmations.
            await asyncio.wait_for(writer.drain(), 10)
            await asyncio.sleep(0)
    except OSError as error:
        log(f"[ERROR] {peer}: {error}")
    except asyncio.TimeoutError:
        writer.transport.abort()
    name = room.pop(writer)
    tell_others(writer, f"* {name} left\n")
    log(f"[DISCONNECT] {peer} disconnected")
    writer.close()


async def main():
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    try:
        await asyncio.start_server(handle, sys.argv[1], int(sys.argv[2]))
    except OSError as error:
        sys.exit(f"cannot listen: {error}")
    await stop.wait()
    print("[SHUTDOWN] Server shutting down", flush=True)


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
