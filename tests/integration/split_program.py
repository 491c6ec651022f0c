"""Does as it is told on standard input, a statement per line, and answers each with a line: for test_split."""

from __future__ import annotations

import sys

exec("import ctypes, gc, mmap, signal, threading", globals())  # as the statements that follow
for line in sys.stdin:
    exec(line, globals())  # our own test's statements
    print("done", flush=True)
