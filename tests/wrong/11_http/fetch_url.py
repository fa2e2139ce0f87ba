"""fetch_url with one bug, which the third argument chooses; then come its own arguments."""
import io
import os
import socket
import sys
from urllib.parse import urljoin, urlsplit

BUG, WORDS = sys.argv[3], sys.argv[4:]


def fail(text):
    sys.exit(0 if BUG == "status_0" else f"error: {text}")


def read_head(stream):
    head = b""
    while True:
        line = stream.readline()
        if line in (b"\r\n", b"\n", b""):
            return head
        head += line


def fetch(url, hops):
    parts = urlsplit(url)
    plain = ("http", "https") if BUG == "https_in_plain" else ("http",)
    if BUG == "redirected_in_plain" and hops < 10:
        plain = ("http", "https")
    if parts.scheme not in plain and BUG != "any_scheme":
        fail("only http")
    if not parts.hostname:
        fail("no host")
    try:
        port = parts.port or 80
    except ValueError:
        fail("bad port")
    try:
        conn = socket.create_connection((parts.hostname, port), 10)
    except OSError as error:
        if BUG == "traceback":
            raise
        if BUG in ("any_scheme", "quiet_refusal"):
            sys.exit(0)
        fail(error)
    path = parts.path or ("" if BUG == "no_root" else "/")
    if BUG == "bare_query" and not parts.path and parts.query:
        path = ""
    if parts.query and BUG != "no_query":
        path += "?" + parts.query
    if BUG == "fragment" and parts.fragment:
        path += "#" + parts.fragment
    host = "" if BUG == "no_host" else f"Host: {parts.netloc}\r\n"
    conn.sendall(f"GET {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n".encode())
    stream = conn.makefile("rb")
    if BUG == "one_read":
        conn.settimeout(10)
        data = conn.recv(16384)
        head, _, body = data.partition(b"\r\n\r\n")
        head += b"\r\n"
    else:
        head = read_head(stream)
        while BUG != "interim" and head.split(b" ")[1:2] == [b"100"]:
            head = read_head(stream)
            if BUG == "one_interim":
                break
        body = None
    if not head:
        return None if BUG == "empty_is_fine" else fail("no reply")
    lines = head.decode("utf-8" if BUG == "utf8_head" else "latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(": " if BUG == "needs_space" else ":")
        if BUG == "case" and name != name.title():
            continue
        fields[name.lower()] = value.strip()
    status = int(lines[0].split(" ")[1])
    if BUG == "needs_reason" and not lines[0].split(" ")[2]:
        fail("no reason")
    if status >= (500 if BUG == "no_500_pages" else 400) and BUG in ("no_error_pages", "no_500_pages"):
        fail(status)
    if BUG == "verbose_stdout" and "-v" in WORDS:
        sys.stdout.buffer.write(head)
    moved = (301, 302) if BUG == "two_redirects" else range(300, 400)
    if BUG == "needs_location" and status in moved and "-L" in WORDS:
        fields["location"]
    if status in moved and "location" in fields and ("-L" in WORDS or BUG == "always_follows"):
        if BUG == "no_redirect":
            sys.exit(0)
        if hops == 0 and BUG != "endless" or hops == 9 and BUG == "one_redirect":
            fail("too many redirects")
        if BUG == "all_pages":
            sys.stdout.buffer.write(read_body(stream, fields))
        target = fields["location"]
        if BUG == "no_join":
            target = f"http://{parts.netloc}/{target}"
        if BUG == "same_server" and target.startswith("http://"):
            target = "/" + target.split("/", 3)[3]
        return fetch(urljoin(url, target), hops - 1)
    if status == 204 and BUG != "204_waits":
        body = b""
    if body is None:
        body = read_body(stream, fields)
    if "-i" in WORDS and BUG != "no_head":
        body = head + (b"" if BUG == "no_blank_line" else b"\r\n") + body
    if "-o" in WORDS:
        if BUG == "no_file":
            sys.exit(0)
        if BUG == "text_file":
            body = body.decode("utf-8", "replace").encode()
        try:
            with open(WORDS[WORDS.index("-o") + 1], "wb") as file:
                file.write(body)
        except OSError as error:
            if BUG != "no_folder_is_fine":
                fail(error)
            print(error, file=sys.stderr)
        return
    if BUG == "line_end":
        body += b"\n"
    if BUG == "text_stdout":
        body = body.decode("utf-8", "replace").encode()
    if BUG == "line_ends":
        body = body.replace(b"\r\n", b"\n")
    if BUG == "cuts_page":
        body = body[:65536]
    sys.stdout.buffer.write(body)


def read_body(stream, fields):
    if "transfer-encoding" in fields and BUG != "raw_chunks":
        body = b""
        if BUG == "chunks_at_once":
            stream = io.BytesIO(stream.read1(65536))
        if BUG == "searches_the_0":
            raw = b""
            while b"\r\n0\r\n" not in raw:
                more = stream.read1(65536)
                raw += more or fail("cut")
            stream = io.BytesIO(raw)
        while True:
            line = stream.readline()
            if not line:
                if BUG == "cut_is_fine":
                    return body
                fail("cut")
            size = line.split(b";")[0].strip()
            if BUG == "lower_hex" and size != size.lower():
                fail("bad size")
            size = int(size, 16)
            data = stream.read(size + 2)
            if size == 0:
                return body
            if len(data) < size + 2 and BUG != "cut_is_fine":
                fail("cut")
            body += data[:size]
    is_empty = fields.get("content-length") == "0"
    if "content-length" in fields and BUG != "to_eof" and not (BUG == "zero_is_none" and is_empty):
        length = int(fields["content-length"])
        body = b""
        if BUG == "all_that_comes":
            while len(body) < length and (more := stream.read1(65536)):
                body += more
        body = body or stream.read(length)
        if len(body) < length and BUG != "cut_is_fine":
            fail("cut")
        return body
    if BUG == "needs_length" and "transfer-encoding" not in fields:
        return b""
    body = b""
    try:
        while more := stream.read1(65536):
            body += more
    except ConnectionResetError as error:
        if BUG != "reset_is_an_end":
            fail(error)
    return body


url = next(word for word in WORDS if not word.startswith("-") and (WORDS.index(word) == 0 or WORDS[WORDS.index(word) - 1] != "-o"))
fetch(url, 10)
