"""http_challenge with one bug, which the third argument chooses; without it, none."""
import html
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

HOST, PORT = sys.argv[1], int(sys.argv[2])
BUG = sys.argv[3] if len(sys.argv) > 3 else ""
KNOWN = ("GET", "HEAD", "POST", "OPTIONS")
LEAKED = []
SHARED = {}


def serve(conn):
    buf = b""
    served = 0
    fields = {}
    try:
        while True:
            # The head.
            while b"\r\n\r\n" not in buf or BUG in ("to_eof", "short_read"):
                if len(buf) > 16384 and BUG != "no_limit":
                    return refuse(conn, "431 Request Header Fields Too Large")
                data = conn.recv(1024 if BUG == "short_read" else 65536)
                if BUG == "strict_utf8":
                    data.decode()
                if not data:
                    if BUG == "to_eof" and buf:
                        break
                    if BUG == "spins" and buf:
                        while True:
                            pass
                    return
                buf += data
                if BUG == "one_read" or BUG == "short_read" and len(data) < 1024:
                    if len(buf) > 5000:
                        return refuse(conn, "431 Request Header Fields Too Large")
                    break
            head, _, buf = buf.partition(b"\r\n\r\n")
            lines = head.decode("utf-8", "replace").split("\r\n")
            if BUG == "splitlines":
                lines = "\r\n".join(lines).splitlines()
            words = lines[0].split(" ")
            if len(words) != 3 or not words[2].startswith("HTTP/"):
                if BUG == "malformed_ends_it":
                    os._exit(1)
                if BUG not in ("one_read", "short_read"):
                    return refuse(conn, "400 Bad Request", lines[0] if BUG == "raw_400" else "")
                words = (words + ["/", ""])[:3]
            method, path, version = words
            kept = {name: fields[name] for name in fields if name == "user-agent"}
            fields = kept if BUG == "keeps_fields" else {}
            for line in lines[1:]:
                name, colon, value = line.partition(": " if BUG == "colon_space" else ":")
                if BUG == "empty_value" and not value:
                    return
                if BUG == "second_colon":
                    value = (line.split(":") + [""])[1]
                if BUG == "case" and name.lower() == "user-agent" and name != "User-Agent":
                    continue
                if BUG == "length_case" and name == "content-length":
                    continue
                name = name.lower()
                if BUG == "folded_is_field":
                    name = name.lstrip()
                if BUG == "first_coding_only" and name == "transfer-encoding" and name in fields:
                    continue
                if name == "content-length" and name in fields:
                    return refuse(conn, "400 Bad Request")
                if name != name.strip():
                    return refuse(conn, "400 Bad Request")
                fields[name] = value.strip()
            # The body.
            skips = {
                "no_body": True,
                "no_body_of_refused": method not in KNOWN,
                "no_body_of_get": method in ("GET", "HEAD"),
                "no_body_of_head": method == "HEAD",
                "no_body_of_404": path not in ("/", "/hello", "/about"),
            }
            if not skips.get(BUG):
                if BUG == "waits_for_body" and method == "POST" and not {"content-length", "transfer-encoding"} & fields.keys():
                    conn.recv(65536)
                buf = body(conn, buf, fields)
                if buf is None:
                    return refuse(conn, "400 Bad Request")
                if BUG == "drops_behind_body" and {"content-length", "transfer-encoding"} & fields.keys():
                    buf = b""
            close = version == "HTTP/1.0" or "close" in fields.get("connection", "").lower()
            close = close and BUG != "stays_open" or BUG in ("one_read", "short_read", "one_thread")
            conn.sendall(respond(method, path, version, fields, close))
            served += 1
            if BUG == "breaks_its_word":
                return
            if BUG == "drops_the_rest":
                buf = b""
            if BUG == "next_after_close" and buf:
                continue
            if close or BUG == "to_eof":
                return
    except ConnectionResetError:
        if BUG == "reset_ends_it" and not served and not buf:
            os._exit(1)
    except UnicodeDecodeError:
        os._exit(1)
    except (OSError, ValueError):
        pass
    except KeyError:
        os._exit(1)
    finally:
        if BUG == "leaks":
            LEAKED.append(conn)
            conn.shutdown(socket.SHUT_RDWR)
        else:
            conn.close()


def body(conn, buf, fields):
    chunked = fields.get("transfer-encoding")
    if BUG == "ignores_codings" and chunked and "chunked" not in chunked:
        chunked = None
    if chunked and ("content-length" in fields or chunked != "chunked"):
        if BUG == "contains_chunked" and "content-length" not in fields and "," not in chunked:
            chunked = "chunked"
        elif BUG != "smuggles":
            return None

    def need(count):
        nonlocal buf
        if BUG == "takes_announced_memory":
            try:
                bytearray(count)
            except (MemoryError, OverflowError):
                os._exit(1)  # As vec![0; count] does in Rust.
        while len(buf) < count and BUG != "body_at_hand":
            data = conn.recv(65536)
            if not data:
                raise OSError("cut")
            buf += data

    if chunked:
        while True:
            while b"\r\n" not in buf:
                need(len(buf) + 1)
            line, _, buf = buf.partition(b"\r\n")
            size = int(line if BUG == "no_extension" else line.split(b";")[0], 16)
            if BUG == "small_digits" and line.lower() != line:
                return None
            need(1 if BUG == "chunk_at_hand" else size + 2)
            buf = buf[size + 2:]
            if size == 0:
                return buf
    length = fields.get("content-length", "0")
    if BUG == "length_list":
        length = length.split(",")[0].strip()
    if BUG == "int_length" and length[:1].isdigit():
        length = str(int(length, 0 if length != "0" * len(length) else 10))
    if BUG == "empty_length" and not length:
        length = "0"
    if BUG == "plus_length":
        length = length.removeprefix("+")
    if BUG == "minus_length" and length.startswith("-"):
        length = "0"
    if not length.isdigit():
        return None
    if BUG == "part_of_body":
        length = str(min(int(length), 1024))
    need(int(length))
    return buf[int(length):]


def page_of(method, name, agent, shown):
    return (
        "<html><h1>Request Info</h1>"
        f"<p><strong>Method:</strong> {shown(method)}</p>"
        f"<p><strong>Path:</strong> {shown(name)}</p>"
        f"<p><strong>Browser:</strong> {shown(agent)}</p></html>"
    )


def respond(method, path, version, fields, close):
    agent = fields["user-agent"] if BUG == "needs_agent" else fields.get("user-agent", "Unknown")
    if BUG == "one_agent":
        SHARED["agent"] = agent
        time.sleep(0.002)
        agent = SHARED["agent"]
    if BUG == "cuts_agent":
        agent = agent[:64]
    shown = str if BUG == "raw_html" else html.escape
    if BUG == "raw_ampersand":
        shown = lambda text: html.escape(text).replace("&amp;", "&")
    name = path if BUG == "query" else path.split("?")[0]
    if BUG == "path_case":
        name = name.lower()
    status, more = "200 OK", ""
    if method not in KNOWN and BUG != "any_method":
        status = "405 Method Not Allowed"
        if BUG != "no_allow":
            more = "Allow: GET, HEAD, POST, OPTIONS\r\n"
        page = f"<h1>405</h1>{method}" if BUG == "raw_405" else "<h1>405</h1>"
    elif BUG == "prefix" and name.startswith("/hello") and "/" not in name[1:]:
        page = page_of(method, name, agent, shown)
    elif name not in ("/", "/hello", "/about") or BUG == "literal" and (method not in ("GET", "HEAD") or version != "HTTP/1.1"):
        if BUG != "no_404":
            status = "404 Not Found"
        page = "<h1>404 Not Found</h1><p>The page you requested does not exist.</p></html>"
        if BUG == "wrong_404_text":
            page = "<h1>Oops</h1></html>"
        if BUG == "characters_404":
            page += html.escape(name)
        if BUG == "decoded_404":
            page += unquote(html.escape(name))
        if BUG == "raw_404":
            page += "Back to " + fields.get("referer", "")
    else:
        page = page_of(method, name, agent, shown)
        if BUG == "decoded_query":
            page += unquote(html.escape(path))
    data = page.encode()
    length = len(page) if BUG in ("characters", "characters_404") else len(data)
    if BUG == "head_length_0" and method == "HEAD":
        length = 0
    end = "\n" if BUG == "bare_lf" else "\r\n"
    head = f"HTTP/1.1 {status}\r\n{more}"
    if not (BUG == "no_type" or BUG == "no_type_404" and status[0] == "4"):
        head += "Content-Type: text/html; charset=utf-8\r\n"
    if BUG == "chunks_for_10" and method != "HEAD":
        head += "Transfer-Encoding: chunked\r\n"
        data = b"%x\r\n%s\r\n0\r\n\r\n" % (length, data)
    elif BUG != "no_length":
        head += f"Content-Length: {length}\r\n"
    if close:
        head += "Connection: close\r\n"
    elif BUG == "breaks_its_word":
        head += "Connection: keep-alive\r\n"
    if BUG != "no_blank_line":
        head += "\r\n"
    if method == "HEAD" and BUG != "head_page" and not (BUG == "head_page_404" and status[0] == "4"):
        data = b""
    return head.replace("\r\n", end).encode() + data


def refuse(conn, status, page=""):
    if BUG == "leaks_refused":
        LEAKED.append(conn.dup())
    conn.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(page.encode())}\r\nConnection: close\r\n\r\n{page}".encode())
    conn.shutdown(socket.SHUT_WR)
    conn.settimeout(1)
    while conn.recv(65536):
        pass


if BUG == "broken_pipe_ends":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # As it is in C.
listener = socket.socket()
if BUG != "no_reuse":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listener.bind(("0.0.0.0" if BUG == "all_interfaces" else HOST, PORT))
except OSError as error:
    if BUG == "port_in_use_is_fine":
        sys.exit(0)
    sys.exit(f"cannot listen: {error}")
listener.listen(128)
POOL = ThreadPoolExecutor(10)
while True:
    try:
        connection, _ = listener.accept()
    except KeyboardInterrupt:
        if BUG == "ignores_ctrl_c":
            continue
        break
    if BUG == "one_thread":
        serve(connection)
    elif BUG == "pool_of_10":
        POOL.submit(serve, connection)
    else:
        threading.Thread(target=serve, args=(connection,), daemon=True).start()
