"""http_simple_server with one bug, which the third argument chooses; without it, none."""
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

HOST, PORT = sys.argv[1], int(sys.argv[2])
BUG = sys.argv[3] if len(sys.argv) > 3 else ""
LEAKED = []
LOCK = threading.Lock()
visitors = 0


def next_number(method, target):
    global visitors
    if BUG == "counts_no_icon" and target == b"/favicon.ico":
        return visitors
    if BUG == "counts_gets" and method != b"GET":
        return visitors
    if BUG == "counts_pages" and method == b"HEAD":
        return visitors
    if BUG == "race":
        number = visitors + 1
        time.sleep(0.002)
        visitors = number
        return number
    with LOCK:
        if BUG == "from_zero":
            visitors += 1
            return visitors - 1
        if BUG != "frozen" or visitors == 0:
            visitors += 1
        return visitors


def serve(conn):
    buf = b""
    try:
        while b"\r\n\r\n" not in buf or BUG in ("to_eof", "short_read"):
            if len(buf) > 65536:
                return
            data = conn.recv(1024)
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
            if BUG == "first_line" and b"\r\n" in buf:
                break
            if BUG == "one_read" or BUG == "short_read" and len(data) < 1024:
                break
        words = buf.split(b"\r\n")[0].split(b" ")
        if len(words) != 3 and BUG not in ("one_read", "short_read"):
            if BUG == "malformed_ends_it":
                os._exit(1)
            return
        if BUG == "get_only" and words[0] not in (b"GET", b"HEAD"):
            return
        if BUG == "http11_only" and not words[-1].endswith(b"1.1"):
            return
        if BUG == "bytes_form":
            print("Request received:", buf, flush=True)
        number = next_number(words[0], words[1] if len(words) > 1 else b"")
        page = (
            "<html><h1>Hello from a Socket!</h1>\n"
            f"<p>You are visitor #{number}</p></html>"
        )
        if BUG == "other_text":
            page = page.replace("Hello from a Socket", "Hello, World")
        length = len(page) - 3 if BUG == "short_length" else len(page)
        length = len(page) + 30 if BUG == "long_length" else length
        kind = "" if BUG == "no_type" else "Content-Type: text/html\r\n"
        status = "404 Not Found" if BUG == "status" else "200 OK"
        head = f"HTTP/1.1 {status}\r\n{kind}Content-Length: {length}\r\nConnection: close\r\n"
        if BUG == "drains_before_it_closes":
            head = head.replace("Connection: close\r\n", "")
        head += "" if BUG == "no_blank_line" else "\r\n"
        if BUG == "never_ends":
            head = f"HTTP/1.1 200 OK\r\n{kind}\r\n"
        if words[0] == b"HEAD" and BUG != "head_page":
            page = ""
        conn.sendall((head + page).encode())
        if BUG == "never_ends":
            conn.recv(1)
        if BUG != "drains_before_it_closes":
            conn.shutdown(socket.SHUT_WR)
            conn.settimeout(1)
        while conn.recv(65536):
            pass
    except ConnectionResetError:
        if BUG == "reset_ends_it" and not buf:
            os._exit(1)
    except UnicodeDecodeError:
        os._exit(1)
    except OSError:
        pass
    finally:
        if BUG == "leaks":
            LEAKED.append(conn)
        else:
            conn.close()


if BUG == "broken_pipe_ends":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # As it is in C.
listener = socket.socket()
if BUG != "no_reuse":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listener.bind(("0.0.0.0" if BUG == "all_interfaces" else HOST, PORT + (BUG == "other_port")))
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
