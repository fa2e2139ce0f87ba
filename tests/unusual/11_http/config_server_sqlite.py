"""config_server on sqlite, with CR LF at the end of its replies' texts where it may."""
import asyncio
import sqlite3
import sys

DB = sqlite3.connect("settings.sqlite", isolation_level=None)
DB.execute("PRAGMA journal_mode=WAL")
DB.execute("CREATE TABLE IF NOT EXISTS s (k BLOB PRIMARY KEY, v BLOB)")


def answer(line):
    words = line.split(b" ", 2)
    command = words[0].lower()
    if len(words) > 1 and not (len(words[1]) <= 128 and words[1].decode("latin-1").isascii()):
        return b"ERROR key at most 128 visible ASCII characters"
    if command == b"get" and len(words) == 2:
        row = DB.execute("SELECT v FROM s WHERE k=?", (words[1],)).fetchone()
        return b"OK " + row[0] if row else b"ERROR missing nothing under that key"
    if command == b"set" and len(words) == 3:
        DB.execute("INSERT OR REPLACE INTO s VALUES (?, ?)", (words[1], words[2]))
        return b"OK saved"
    if command == b"delete" and len(words) == 2:
        gone = DB.execute("DELETE FROM s WHERE k=?", (words[1],)).rowcount
        return b"OK" if gone else b"ERROR missing nothing under that key"
    if command == b"list":
        prefix = words[1] if len(words) > 1 else b""
        rows = [row[0] for row in DB.execute("SELECT k FROM s ORDER BY k")]
        return b"OK " + b" ".join(key for key in rows if key.startswith(prefix))
    if command == b"save":
        return b"OK"
    return b"ERROR syntax no such command"


async def serve(reader, writer):
    try:
        while line := await reader.readline():
            if line.strip().lower() == b"quit":
                writer.write(b"OK bye\n")
                break
            if line.endswith(b"\n"):
                writer.write(answer(line.strip(b"\r\n")) + b"\n")
                await writer.drain()
    except (OSError, ValueError, sqlite3.Error):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]))
    await server.serve_forever()


try:
    asyncio.run(main())
except OSError as error:
    sys.exit(f"cannot listen: {error}")
