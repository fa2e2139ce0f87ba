"""http_manual_client with one bug, which the third argument chooses."""
import socket
import sys

HOST, PORT, BUG = sys.argv[1], int(sys.argv[2]), sys.argv[3]

request = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
if BUG == "no_host":
    request = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
elif BUG == "keeps_the_connection":
    request = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
elif BUG == "bare_lf":
    request = request.replace("\r\n", "\n")
elif BUG == "no_blank_line":
    request = request[:-2]
try:
    conn = socket.create_connection((HOST, PORT))
except OSError as error:
    if BUG == "silent":
        sys.exit(1)
    if BUG == "traceback":
        raise
    sys.exit(f"cannot connect: {error}")
print(f"Connected to {HOST}:{PORT}")
if BUG != "hides_the_request":
    print("Sent HTTP request:")
    print(request)
conn.sendall(request.encode())
response = conn.recv(65536)
while BUG != "one_read":
    data = conn.recv(65536)
    if not data:
        break
    if BUG == "decodes_pieces":
        data.decode()
    response += data
print("Received HTTP response:")
print(response if BUG == "debug_form" else response.decode())
