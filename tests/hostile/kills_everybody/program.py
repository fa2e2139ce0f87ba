"""Kills every process that it may: the one that checks it, too."""

import os
import signal
import time

# Outside of a process table of its own it would be no test but an accident.
if os.readlink("/proc/self") != str(os.getpid()) or os.getpid() > 300:
    raise SystemExit(1)
while True:
    try:
        os.kill(-1, signal.SIGKILL)
    except OSError:
        pass
    time.sleep(0.01)
