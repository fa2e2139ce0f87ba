"""One thread and select; closes after every ERROR; room for 51 clients; refuses a fast
address for a second; the log has a date before every event."""
import hmac, os, selectors, socket, sys, time

token = os.environ.get("API_KEY") or sys.exit("set API_KEY, please")
selector = selectors.DefaultSelector()
try:
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=64)
except OSError as error:
    sys.exit(f"cannot listen: {error}")
listener.setblocking(False)
selector.register(listener, selectors.EVENT_READ)
clients, visits, guesses = {}, {}, {}
log = open("server_security.log", "a")


def event(what):
    print(time.strftime("%F %T"), "[security]", "Event:", what, file=log, flush=True)


def answer(line, known, ip):
    now = time.monotonic()
    recent = [then for then in visits.get(ip, []) if then > now - 60] + [now]
    visits[ip] = recent
    if len(recent) > 700:
        return b"ERROR 429\n", known
    try:
        text = line.rstrip(b"\r").decode("ascii")
    except UnicodeDecodeError:
        return b"ERROR 400 ASCII only\n", known
    if not text.isprintable():
        event("control characters")
        return b"ERROR 400 characters\n", known
    if text.startswith("AUTH "):
        if guesses.get(ip, 0) >= 10:
            return b"ERROR 403\n", False
        if hmac.compare_digest(text[5:], token):
            return b"OK\n", True
        guesses[ip] = guesses.get(ip, 0) + 1
        event("wrong token")
        return b"ERROR 403\n", False
    return (b"OK " + line.removeprefix(b"ECHO ") + b"\n", True) if known else (b"ERROR 401\n", False)


def drop(stream):
    del clients[stream]
    selector.unregister(stream)
    stream.close()


def read(stream):
    data, known, ip = clients[stream]
    try:
        more = stream.recv(4096)
        data += more
        while b"\n" in data:
            line, data = data.split(b"\n", 1)
            reply, known = answer(line, known, ip)
            stream.send(reply)
            if reply.startswith(b"ERROR") or line == b"QUIT":
                return drop(stream)
    except BlockingIOError:
        return None
    except OSError:
        return drop(stream)
    if not more or len(data) > 2000:
        return drop(stream)
    clients[stream] = data, known, ip


while True:
    for key, _ in selector.select():
        if key.fileobj is not listener:
            read(key.fileobj)
            continue
        stream, (ip, _) = listener.accept()
        if len(clients) >= 51:
            stream.close()
            continue
        stream.setblocking(False)
        clients[stream] = b"", False, ip
        selector.register(stream, selectors.EVENT_READ)
