"""Uploads are numbered under a lock: each request opens the lock file, takes the lock, and releases it.

Nobody closes the file. LEAKY=0 does.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import tempfile

LEAKY = os.environ.get("LEAKY", "1") == "1"
_HANDLE, LOCK = tempfile.mkstemp(prefix="numbers-")
os.close(_HANDLE)
atexit.register(os.unlink, LOCK)


def next_number():
    lock = os.open(LOCK, os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    number = int(os.pread(lock, 20, 0) or b"0") + 1
    os.pwrite(lock, str(number).encode(), 0)
    fcntl.flock(lock, fcntl.LOCK_UN)
    if not LEAKY:
        os.close(lock)
    return number


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"upload {next_number()}".encode()]
