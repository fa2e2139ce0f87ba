"""TLS 1.3 only, one thread per client, closes without close_notify, logs on stderr."""
import pathlib, socket, ssl, sys, threading

HERE = pathlib.Path(__file__).parent
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.load_cert_chain(HERE / "cert.pem", HERE / "key.pem")
if "--require-client-cert" in sys.argv:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(HERE / "cert.pem")


def serve(stream, peer):
    stream.settimeout(10)
    try:
        with context.wrap_socket(stream, server_side=True) as secure:
            message = secure.recv(1024)
            if message:
                text = message.decode(errors="replace")
                print(f"2026-01-01 INFO {peer} Received: {text}", file=sys.stderr)
                secure.sendall(b"Hello, secure client!")
    except OSError as error:
        print(peer, error, file=sys.stderr)
    finally:
        stream.close()


try:
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=50)
except OSError as error:
    sys.exit(f"cannot listen: {error}")
with listener:
    while True:
        threading.Thread(target=serve, args=listener.accept(), daemon=True).start()
