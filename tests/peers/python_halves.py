"""The Python half of each pair of chapters 3, 4, 6, 7 and 9, as plain as a course has it.

No line ends, one recv(1024) for a message, one sendall for a reply.
Called by tests/tests/python_halves.rs: python_halves.py ROLE HOST PORT.
"""
import select
import socket
import sys
import threading

role, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
socket.setdefaulttimeout(20)
sys.stdout.reconfigure(line_buffering=True)


def listen():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(5)
    print("Listening on", listener.getsockname()[1])
    return listener


def answer_messages(conn):
    with conn:
        while message := conn.recv(1024).decode():
            print("Received:", message)
            if message.lower() == "close":
                conn.sendall(b"closed")
                return
            conn.sendall(b"accepted")


def message_server():
    answer_messages(listen().accept()[0])


def message_server_threaded():
    listener = listen()
    while True:
        conn = listener.accept()[0]
        threading.Thread(target=answer_messages, args=(conn,), daemon=True).start()


def message_client():
    with socket.create_connection((host, port)) as conn:
        for line in sys.stdin:
            conn.sendall(line.rstrip("\n").encode())
            reply = conn.recv(1024).decode()
            if reply == "closed":
                break
            print("Received:", reply)
    print("Connection to server closed")


def tcp_server():
    listener = listen()
    number = 0
    while True:
        with listener.accept()[0] as conn:
            number += 1
            print("Received:", conn.recv(1024).decode())
            conn.sendall(f"Hello! You are connection #{number}".encode())


def echo(prefix):
    listener = listen()
    while True:
        with listener.accept()[0] as conn:
            while data := conn.recv(1024):
                print("Received:", data.decode())
                conn.sendall(prefix + data)


def threaded_server():
    def serve(conn):
        with conn:
            while data := conn.recv(1024):
                print("Received:", data.decode())
                conn.sendall(b"Echo: " + data)

    listener = listen()
    while True:
        conn = listener.accept()[0]
        threading.Thread(target=serve, args=(conn,), daemon=True).start()


def greeting_server():
    """Speaks first, so that a client that only listens has something to hear."""
    listener = listen()
    while True:
        with listener.accept()[0] as conn:
            conn.sendall(b"data from the server")
            conn.recv(1024)


def say(text, label):
    with socket.create_connection((host, port)) as conn:
        conn.sendall(text.encode())
        print(label, conn.recv(1024).decode())


def select_client():
    with socket.create_connection((host, port)) as conn:
        conn.sendall(b"wake up")
        ready, _, _ = select.select([conn], [], [], 20)
        print(conn.recv(1024).decode() if ready else "Timeout waiting for data")


def bind_udp():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, port))
    print("Listening on", sock.getsockname()[1])
    return sock


def udp_server():
    sock = bind_udp()
    number = 0
    while True:
        data, peer = sock.recvfrom(1024)
        number += 1
        print("Received:", data.decode())
        sock.sendto(f"Received! Message #{number}".encode(), peer)


def udp_echo_server():
    sock = bind_udp()
    while True:
        data, peer = sock.recvfrom(1024)
        print("Received:", data.decode())
        sock.sendto(b"Server echo: " + data, peer)


def udp_receiver():
    print("Received:", bind_udp().recvfrom(1024)[0].decode())


def ask_by_udp(text, label):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(text.encode(), (host, port))
        if label:
            print(label, sock.recvfrom(1024)[0].decode())


roles = {
    "message_server": message_server,
    "message_server_threaded": message_server_threaded,
    "message_client": message_client,
    "tcp_server": tcp_server,
    "tcp_client": lambda: say("Hello from client!", "Received:"),
    "echo_server": lambda: echo(b""),
    "echo_client": lambda: say("Hello, Server!", "Received"),
    "safe_tcp_client": lambda: say("Hello", "Received:"),
    "robust_server": lambda: echo(b"Echo: "),
    "robust_client": lambda: say("Hello, Server!", "Received from server:"),
    "select_client": select_client,
    "greeting_server": greeting_server,
    "threaded_server": threaded_server,
    "threaded_client": lambda: say("Hello from client!", "Received:"),
    "udp_server": udp_server,
    "udp_client": lambda: ask_by_udp("Hello from UDP client!", "Received:"),
    "udp_echo_server": udp_echo_server,
    "udp_echo_client": lambda: ask_by_udp(sys.stdin.readline().rstrip("\n"), "Received:"),
    "udp_receiver": udp_receiver,
    "udp_sender": lambda: ask_by_udp("Message", ""),
}
roles[role]()
