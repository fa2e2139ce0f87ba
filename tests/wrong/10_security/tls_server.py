"""A family of wrong TLS servers: the third word names the bug."""
import os, pathlib, socket, ssl, subprocess, sys, threading, time

HERE = pathlib.Path(__file__).parent
host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
mutual = "--require-client-cert" in sys.argv and bug != "no_client_cert"
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
certificate = HERE / "cert.pem", HERE / "key.pem"
if bug == "another_certificate":
    certificate = pathlib.Path("cert.pem"), pathlib.Path("key.pem")
    command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost"
    subprocess.run([*command.split(), "-out", "cert.pem", "-keyout", "key.pem"], check=True)
context.load_cert_chain(*certificate)
if mutual:
    optional = bug == "optional_client_cert"
    context.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
    if bug == "lets_no_client_in":
        os.makedirs("certs", mode=0o700, exist_ok=True)
        for name in ("cert.pem", "key.pem"):
            copy = pathlib.Path("certs/client-" + name)
            copy.touch(0o600)
            copy.write_text((HERE / name).read_text())
    else:
        context.load_verify_locations(HERE / "cert.pem")
if bug in ("old_versions", "tls_1_1"):
    old = bug == "old_versions"
    context.minimum_version = ssl.TLSVersion.TLSv1 if old else ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
if bug in ("no_encryption", "anonymous"):
    # Without a level of security Debian's Python would take old versions, too.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
if bug == "no_encryption":
    context.set_ciphers("ALL:eNULL:!aNULL:@SECLEVEL=0")
if bug == "anonymous":
    context.set_ciphers("ALL:aNULL:!eNULL:@SECLEVEL=0")
if bug == "world_readable":
    os.makedirs("certs", exist_ok=True)
    with open("certs/server-key.pem", "w") as file:
        file.write((HERE / "key.pem").read_text())
    os.chmod("certs/server-key.pem", 0o644)
kept = []
served = 0
reply = b"Hello, secure client!"


def serve(stream):
    global served
    if bug == "accepts_plain" and stream.recv(1, socket.MSG_PEEK) != b"\x16":
        stream.recv(1024)
        stream.sendall(reply)
        stream.close()
        return
    if bug == "leaks_failed_handshakes":
        copy = stream.dup()
        kept.append(copy)
    if bug != "handshake_in_accept_loop":
        stream = context.wrap_socket(stream, server_side=True)
    if bug == "leaks_failed_handshakes":
        kept.remove(copy)
        copy.close()
    if bug == "dies_on_reset":
        stream.getpeername()  # A connection that was reset meanwhile has no peer.
    if bug == "replies_first":
        stream.sendall(reply)
    message = stream.recv(1024)
    while bug == "to_eof" and (more := stream.recv(1024)):
        message += more
    while bug == "readline" and message and not message.endswith(b"\n"):
        message += stream.recv(1024)
    if not message:
        stream.close()
        return
    text = message.decode(errors="strict" if bug == "utf8" else "replace")
    print("Received:", message if bug == "debug_form" else text, flush=True)
    served += 1
    if bug == "deaf_after_100" and served > 100:
        threading.Event().wait()
    if bug == "one_client":
        listener.shutdown(socket.SHUT_RDWR)
    if bug != "replies_first":
        stream.sendall(reply + b"\n" if bug == "newline" else reply)
    if bug == "one_client":
        os._exit(0)
    if bug == "leaks":
        kept.append(stream)
        return
    stream.close()


def guarded(stream):
    try:
        stream.settimeout(30)
        serve(stream)
    except UnicodeDecodeError:
        os._exit(1)
    except OSError as error:
        alert = isinstance(error, (ssl.SSLError, TimeoutError))
        reset = not alert or "Closed before" in str(error)
        if bug == "dies_in_handshake" or (bug == "dies_on_reset" and reset):
            os._exit(1)
        # A loop that takes the end for an empty message; bounded, to spare the machine,
        # and long enough to be seen on a busy one.
        give_up = time.monotonic() + 15
        while bug == "spins" and alert and time.monotonic() < give_up:
            pass


listener = socket.socket()


def main():
    if bug != "no_reuseaddr":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("0.0.0.0" if bug == "all_interfaces" else host, port))
    except OSError as error:
        print(error)
        sys.exit(0 if bug == "ignores_port_in_use" else 1)
    listener.listen(128)
    print("Secure server listening on", host, port, flush=True)
    while True:
        try:
            stream, _ = listener.accept()
        except OSError:
            threading.Event().wait()  # one_client: its thread ends the program.
        except KeyboardInterrupt:
            if bug == "ignores_ctrl_c":
                continue
            return
        if bug == "handshake_in_accept_loop":
            try:
                stream = context.wrap_socket(stream, server_side=True)
            except OSError:
                continue
        threading.Thread(target=guarded, args=(stream,), daemon=True).start()


main()
