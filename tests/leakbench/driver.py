"""Runs inside the environment of a case: calls the app over and over, and reads what the process holds meanwhile.

It knows nothing of leakhunt, so that its figures are a truth of their own. Python 3.8, standard library only.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import importlib
import io
import json
import os
import re
import sys
import tempfile
import threading
import time
from typing import Any, Callable, Dict, List
from wsgiref.util import setup_testing_defaults

BLOCKS = 10
SETTLE = 6.5
"""Seconds in which threads that are about to end have ended."""


class _MallInfo(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")),
    )


def main() -> None:
    """Print one JSON object: readings at the ends of equal blocks of calls."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--request", action="append", required=True)
    options = parser.parse_args()
    sys.path.insert(0, os.getcwd())
    application = importlib.import_module("app").application
    number = 0
    readings: List[Dict[str, int]] = []
    for block in range(BLOCKS + 1):
        for _ in range(options.calls // BLOCKS if block else options.calls // 5):
            for request in options.request:
                call(application, request.replace("{n}", str(number)))
            number += 1
        if block == BLOCKS:
            time.sleep(SETTLE if threading.active_count() > 1 else 0)
        readings.append({"calls": number, **reading()})
    print(json.dumps(readings), file=sys.__stdout__)


def call(application: Callable[..., Any], request: str) -> None:
    """One request, its answer read to the end and closed as a server does."""
    method, _, target = request.partition(" ")
    path, _, query = target.partition("?")
    environ: Dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REMOTE_ADDR": "127.0.0.1",
    }
    environ["wsgi.input"] = io.BytesIO()
    setup_testing_defaults(environ)
    status: List[str] = []
    answer = application(environ, lambda line, *_: status.append(line))
    try:
        for _ in answer:
            pass
    finally:
        if hasattr(answer, "close"):
            answer.close()
    if not status[0].startswith(("2", "4")):
        raise RuntimeError("answered " + status[0])


def reading() -> Dict[str, int]:
    """What the process holds now; garbage is collected first, unless the app has switched that off."""
    if gc.isenabled():
        gc.collect()
    info = mallinfo()
    in_arenas = pymalloc()
    return {
        "rss": resident(),
        "live": info.uordblks + info.hblkhd + in_arenas,
        "malloc": info.uordblks + info.hblkhd,
        "pymalloc": in_arenas,
        "blocks": sys.getallocatedblocks(),
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "temp_files": len(os.listdir(tempfile.gettempdir())),
    }


def mallinfo() -> Any:
    """What glibc's allocator has given out. mallinfo2 came with glibc 2.33."""
    function = ctypes.CDLL(None).mallinfo2
    function.restype = _MallInfo
    return function()


def pymalloc() -> int:
    """Bytes in blocks that Python's allocator has given out, from the statistics it prints."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            sys._debugmallocstats()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        text = file.read().decode()
    # class, size, pools, blocks in use, blocks free
    rows = re.findall(r"^ *\d+ +(\d+) +\d+ +(\d+) +\d+$", text, flags=re.MULTILINE)
    return sum(int(size) * int(used) for size, used in rows)


def resident() -> int:
    """Resident bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # threads that leaked would be waited for
