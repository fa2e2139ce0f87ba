"""http_challenge in one thread; how it answers is chosen by the third argument."""
import asyncio
import html
import sys

HOST, PORT, HOW = sys.argv[1], int(sys.argv[2]), sys.argv[3]


async def serve(reader, writer):
    try:
        while await exchange(reader, writer):
            pass
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass
    finally:
        writer.close()


async def exchange(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")[:-2]
    words = lines[0].split(" ")
    if len(words) != 3:
        return False  # F6: no answer
    method, target, version = words
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.lower() in fields or name.strip() != name:
            return False
        fields[name.lower()] = value.strip()
    if "transfer-encoding" in fields:
        if fields["transfer-encoding"] != "chunked" or "content-length" in fields:
            return False
        size = 1
        while size:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            await reader.readexactly(size + 2)
    elif "content-length" in fields:
        if not fields["content-length"].isdigit():
            return False
        await reader.readexactly(int(fields["content-length"]))
    agent = fields.get("user-agent", "-").encode("latin-1").decode("utf-8", "replace")
    shown = target if HOW == "chunked" else target.split("?")[0]  # F7
    status, more = "200 Fine", ""
    if method not in ("GET", "HEAD", "POST"):
        status = "501 No"
        page = "no\n"
    elif target.split("?")[0] in ("/", "/hello", "/about"):
        page = (
            "<!doctype html>\n  <html>\n<body>\n   <h1>Request Info</h1>\n\n"
            f"  <p><strong>Method:</strong> {method}</p>\n"
            f"  <p><strong>Path:</strong> {html.escape(shown)}</p>\n"
            f"  <p><strong>Browser:</strong> {html.escape(agent).replace('&#x27;', '&apos;')}</p>\n"
            "</body></html>\n"
        )
    else:
        status = "404 Gone Fishing"
        page = (
            "<h1>404 Not Found</h1><p>The page you requested does not exist.</p>"
            "<p>Try another one.</p></html>"
        )
    data = page.encode()
    first = f"HTTP/1.{0 if HOW == 'http10' else 1} {status}\r\n"
    out = first + f"SERVER: odd\r\nx-more: yes\r\ncontent-type: Text/HTML;charset=UTF-8\r\n{more}"
    if HOW == "chunked" and method != "HEAD" and version == "HTTP/1.1":
        out += "transfer-encoding: chunked\r\n\r\n"
        half = len(data) // 2
        parts = [out.encode()] + [
            b"%X\r\n%s\r\n" % (len(part), part) for part in (data[:half], data[half:], b"")
        ]
    elif HOW == "slow_writes":
        out += f"content-length: {len(data)}\r\n\r\n"
        parts = [out[:20].encode(), out[20:].encode(), data]
        if method == "HEAD":
            parts.pop()
    else:
        parts = [(out + "connection: close\r\n\r\n").encode()]
        parts.append(b"" if method == "HEAD" else data)
    for part in parts:
        writer.write(part)
        await writer.drain()
        if HOW == "slow_writes":
            await asyncio.sleep(0.01)  # F2
    stays = version == "HTTP/1.1" and fields.get("connection", "").lower() != "close"
    return stays and HOW in ("chunked", "slow_writes")


async def main():
    if HOW == "slow_writes":
        await asyncio.sleep(2)  # F9
    server = await asyncio.start_server(serve, HOST, PORT)
    print("\x1b[32mready\x1b[0m", file=sys.stderr)
    async with server:
        await server.serve_forever()


try:
    asyncio.run(main())
except OSError as error:
    sys.exit(f"cannot listen: {error}")
