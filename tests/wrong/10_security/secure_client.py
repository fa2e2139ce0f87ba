"""A family of wrong clients of the guarded server: the third word names the bug."""
import os, socket, sys, threading

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
token = os.environ.get("API_KEY") if bug == "sends_none" else os.environ["API_KEY"]
if bug == "shows_the_token":
    print("token", token)
try:
    stream = socket.create_connection((host, port), timeout=10)
except OSError as error:
    if bug == "traceback_when_refused":
        raise
    sys.exit(f"error: {error}")
lines = stream.makefile("r")
stream.sendall(f"AUTH {token}".encode() + (b"" if bug == "no_line_end" else b"\n"))
reply = lines.readline()
print(reply, flush=True)
if not reply.startswith("OK") and bug != "goes_on_when_refused":
    sys.exit(1)


def pass_replies_on():
    pieces = iter(lambda: stream.recv(1024).decode() + "\n", "\n")
    for line in pieces if bug == "recv_is_a_line" else lines:
        print(line, end="", flush=True)
    if bug != "blind_to_the_end":
        os._exit(0)


threading.Thread(target=pass_replies_on, daemon=True).start()
for line in sys.stdin:
    stream.sendall(line.lower().encode() if bug == "lower_case" else line.encode())
stream.shutdown(socket.SHUT_WR)
