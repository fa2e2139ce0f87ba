"""A family of wrong TLS clients: the third word names the bug."""
import socket, ssl, sys, time

host, port, bug = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ca = sys.argv[sys.argv.index("--ca") + 1] if "--ca" in sys.argv else "certs/ca-cert.pem"
context = ssl.create_default_context(cafile=ca)
if bug == "no_verification" or bug == "trusts_all_without_ca" and "--ca" not in sys.argv:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
if bug in ("no_name_check", "name_within", "name_in_subject"):
    context.check_hostname = False
NO_CHECK_TIME = 0x200000
if bug in ("no_date_check", "no_first_date_check"):
    context.verify_flags |= NO_CHECK_TIME
if bug == "old_versions":
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
greeting = b"Hello, secure server!"
try:
    stream = socket.create_connection((host, port), timeout=10)
    if bug == "plain":
        stream.sendall(greeting)
        sys.exit()
    try:
        name = "localhost" if bug == "name_is_fixed" else host
        stream = context.wrap_socket(stream, server_hostname=name)
    except ssl.SSLCertVerificationError as error:
        if bug != "takes_self_signed" or error.verify_message != "self-signed certificate":
            raise
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        stream = socket.create_connection((host, port), timeout=10)
        stream = context.wrap_socket(stream)
    except ssl.SSLError:
        if bug != "falls_back_to_plain":
            raise
        stream = socket.create_connection((host, port), timeout=10)
    if bug == "no_first_date_check":
        last = ssl.cert_time_to_seconds(stream.getpeercert()["notAfter"])
        if last < time.time():
            sys.exit("error: the certificate has expired")
    if bug in ("name_within", "name_in_subject"):
        cert = stream.getpeercert()
        names = [name for _, name in cert["subjectAltName"]]
        if bug == "name_in_subject":
            names += [value for field in cert["subject"] for _, value in field]
            known = host in names
        else:
            known = any(host in name for name in names)
        if not known:
            sys.exit("error: the certificate is for another host")
    stream.sendall(greeting + b"\n" if bug == "line_end" else greeting)
    reply = stream.recv(1024)
except ConnectionRefusedError as error:
    if bug == "traceback_when_refused":
        raise
    sys.exit(f"error: {error}")
except OSError as error:
    sys.exit(f"error: {error}")
if bug == "crashes_without_reply":
    reply[0]
print("Received:", reply if bug == "debug_form" else reply.decode())
sys.exit(3 if bug == "exit_status" else 0)
