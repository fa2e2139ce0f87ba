"""A right chat_server with one bug, or one oddity, named by the third argument."""

import os
import queue
import random
import re
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

HOST, PORT, BUG = sys.argv[1], int(sys.argv[2]), sys.argv[3]
GREETING = b"Welcome to the chat server! Type 'quit' to exit.\n"
MAX = 1024
BUFFER_SIZE = 300_000
POOL = threading.Semaphore(100 if BUG == "exhausts_its_pool" else 10**6)
NAMES = set()
lock = threading.Lock()
clients = []
ever = []
kept = []
NAME_OF = {}


class Client:
    def __init__(self, stream, peer):
        self.stream, self.peer = stream, f"{peer[0]}:{peer[1]}"
        self.number = stream.fileno()
        self.name = self.peer
        if BUG == "names_a_descriptor":
            self.name = NAME_OF.get(self.number, self.peer)
        self.told = self.kept = 0
        self.guard = threading.Lock()
        self.queue = queue.Queue(10**6 if BUG == "keeps_what_there_is_room_for" else 3000)
        self.writer = threading.Thread(target=self.write, daemon=True)
        self.writer.start()

    def write(self):
        while (data := self.queue.get()) is not None:
            try:
                self.stream.sendall(data)
            except OSError:
                return
            with self.guard:
                self.kept -= len(data)

    def tell(self, data):
        if BUG == "waits_for_every_reader" and data:
            try:
                self.stream.sendall(data)
            except OSError:
                pass
            return
        if BUG == "keeps_what_there_is_room_for" and data:
            with self.guard:
                data = data[: BUFFER_SIZE - self.kept]
                self.kept += len(data)
            if data:
                self.queue.put_nowait(data)
            return
        try:
            self.queue.put_nowait(data)
        except queue.Full:
            self.stream.shutdown(socket.SHUT_RDWR)


def tell_others(client, line):
    if BUG == "tells_nobody":
        return
    if BUG == "tells_in_threads" and line[0] != "*":
        threading.Thread(target=tell_later, args=(client, line)).start()
        return
    in_a_rush = time.monotonic() - client.told < 0.001
    if BUG == "loses_lines_in_a_rush" and in_a_rush and line[0] != "*":
        return
    client.told = time.monotonic()
    tell_each(client, line)


def tell_later(client, line):
    time.sleep(random.random() / 50)
    tell_each(client, line)


def tell_each(client, line):
    with lock:
        for other in clients:
            announced = BUG == "announces_him_to_himself" and line.endswith(" joined\n")
            if other is not client or announced or (BUG == "tells_the_sender_too" and len(clients) > 1
                                       and line[0] == "["):
                try:
                    other.tell(line.encode())
                except OSError:
                    pass


def messages(stream):
    """Lines, or what has come when nothing follows for 50 ms."""
    buf = b""
    patience = 5 if BUG == "impatient" else None
    while True:
        stream.settimeout(0.05 if buf and BUG != "waits_for_line_ends" else patience)
        try:
            data = stream.recv(MAX)
        except TimeoutError:
            if not buf:
                break
            yield buf
            buf = b""
            continue
        if not data:
            break
        if BUG == "takes_a_read_for_a_message":
            yield data
            continue
        if BUG == "takes_the_end_of_a_read_for_a_line_end":
            yield from (line for line in re.split(rb"(?<=\n)", data) if line)
            continue
        buf += data
        while b"\n" in buf[:MAX] or len(buf) >= MAX:
            end = buf.find(b"\n", 0, MAX)
            cut = MAX if end < 0 else end + 1
            yield buf[:cut]
            buf = buf[cut:]
            if end < 0 and BUG == "cuts_long_lines":
                while b"\n" not in buf and (data := stream.recv(MAX)):
                    buf += data
                buf = buf.partition(b"\n")[2]
    if buf and BUG != "forgets_the_last_words":
        yield buf


def is_quit(text):
    if BUG == "quit_in_small_letters_only":
        return text == "quit"
    if BUG == "quit_at_the_start":
        return text.lower().startswith("quit")
    if BUG == "quit_by_a_part_of_it":
        return bool(text) and text.lower() in "quit"
    return text.lower() == "quit"


def hear(client, message):
    """Handles one message; False when the client wants to leave."""
    if BUG == "dies_of_bytes":
        try:
            message.decode()
        except UnicodeDecodeError:
            os._exit(1)
    if BUG == "ignores_bytes":
        try:
            message.decode()
        except UnicodeDecodeError:
            return True
    text = message.decode(errors="replace")
    print(f"[{client.peer}] {message if BUG == 'prints_bytes' else text.rstrip()}", flush=True)
    if is_quit(text.strip()) or (BUG == "quit_by_an_empty_line" and not text.strip()):
        if BUG == "tells_quit":
            tell_others(client, f"[{client.name}] {text.strip()}\n")
        return False
    if BUG == "needs_a_name" and text.strip() == "/name":
        os._exit(1)
    if BUG == "confirms_a_bare_line_end":
        message = message.replace(b"\r\n", b"\n")
    if BUG == "confirms_no_zeros":
        message = message.replace(b"\0", b"")
    client.tell(b"Server received: " + (message.strip() if BUG == "trims" else message))
    pattern = r"/name (.+)" if BUG == "takes_any_name" else r"/name ([A-Za-z][\w-]*)"
    command = re.fullmatch(pattern, text.strip())
    if BUG == "finds_a_name_anywhere":
        command = re.search(pattern, text)
    if command and BUG != "knows_no_names":
        with lock:
            taken = list(NAMES) if BUG == "keeps_the_names_of_the_gone" else [
                other.name for other in clients]
        if command[1] not in taken or BUG == "gives_a_name_twice":
            if BUG != "names_once" or client.name == client.peer:
                client.name = command[1]
                NAME_OF[client.number] = command[1]
            NAMES.add(command[1])
        else:
            client.tell(b"* That name is taken\n")
        if BUG != "tells_commands":
            return True
    if text.strip() == "/who" and BUG != "does_not_know_who":
        with lock:
            room = ever if BUG == "lists_who_has_been" else clients
            here = [other.name for other in room
                    if other is not client or BUG != "lists_the_others"]
        client.tell(f"* {len(here)} here: {', '.join(here)}\n".encode())
        return True
    line = text.strip() if BUG == "tells_it_trimmed" else text.removesuffix("\n")
    if BUG == "splits_lines":
        for part in line.splitlines():
            tell_others(client, f"[{client.name}] {part}\n")
        return True
    if BUG != "passes_everything_on":
        line = "".join(c if c.isprintable() else "?" for c in line)
    if BUG == "tells_the_beginning":
        line = line[:200]
    tell_others(client, f"[{client.name}] {line}\n")
    return True


def handle(stream, peer):
    client = Client(stream, peer)
    greeting = GREETING[:-1] if BUG == "greets_without_a_line_end" else GREETING
    client.tell(greeting)
    with lock:
        clients.append(client)
        ever.append(client)
        count = len(ever if BUG == "counts_everybody" else clients)
    print(f"[NEW CONNECTION] {client.peer} connected", flush=True)
    print(f"[ACTIVE CONNECTIONS] {count}", flush=True)
    if BUG != "announces_nobody":
        tell_others(client, f"* {client.name} joined\n")
    has_ended = False
    try:
        for message in messages(stream):
            if not hear(client, message):
                break
        else:
            if BUG == "keeps_who_did_not_quit":
                kept.append(stream.dup())
        has_ended = True
    except ConnectionError:
        if BUG == "dies_of_a_reset":
            os._exit(1)
    except OSError:
        pass
    if BUG != "counts_who_was_cut_off" or has_ended:
        with lock:
            clients.remove(client)
    if BUG != "announces_nobody" and (BUG != "announces_no_reset" or has_ended):
        who = client.peer if BUG == "forgets_the_name_at_the_end" else client.name
        twice = BUG == "leaves_twice" or (BUG == "leaves_twice_by_a_reset" and not has_ended)
        tell_others(client, f"* {who} left\n" * (2 if twice else 1))
    # What is queued is still sent, but not waited for without end.
    try:
        client.queue.put_nowait(None)
        client.writer.join(2)
    except queue.Full:
        pass
    print(f"[DISCONNECT] {client.peer} disconnected", flush=True)
    try:
        stream.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    stream.close()
    if BUG == "floods_its_output":
        for _ in range(20):
            print("Received: \n" * 100, flush=True)
            time.sleep(0.02)
    if BUG == "keeps_its_threads":
        time.sleep(1000)


def interrupted(*_):
    print("[SHUTDOWN] Server shutting down", flush=True)
    os._exit(0)


if BUG != "says_nothing_at_the_end":
    signal.signal(signal.SIGINT, interrupted)
if BUG == "broken_pipe_ends":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # As it is in C.
listener = socket.socket()
if BUG != "cannot_restart":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listener.bind(("0.0.0.0" if BUG == "on_all_interfaces" else HOST, PORT))
except OSError as error:
    print(f"Cannot listen: {error}", file=sys.stderr)
    sys.exit(0 if BUG == "ends_well_without_a_port" else 1)
listener.listen(128)
workers = ThreadPoolExecutor(10)
if BUG == "limits_accept":
    listener.settimeout(5)
print(f"[LISTENING] Server is listening on {HOST}:{PORT}", flush=True)
while True:
    stream, peer = listener.accept()
    POOL.acquire()
    if BUG == "one_at_a_time":
        handle(stream, peer)
    elif BUG == "has_ten_workers":
        workers.submit(handle, stream, peer)
    else:
        threading.Thread(target=handle, args=(stream, peer), daemon=True).start()
    if BUG != "exhausts_its_pool":
        POOL.release()
