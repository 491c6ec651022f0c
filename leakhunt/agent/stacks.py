"""Where the stacks of this process's threads are."""

from __future__ import annotations

import os


def stack_pointers() -> list[int]:
    """Stack pointers of all threads that wait for something just now, Python's and others'; empty if not told."""
    found = []
    try:
        threads = os.listdir("/proc/self/task")
    except OSError:
        return []
    for thread in threads:
        try:
            descriptor = os.open(f"/proc/self/task/{thread}/syscall", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            words = os.read(descriptor, 256).split()
        except OSError:
            continue
        finally:
            os.close(descriptor)
        if len(words) > 2:
            found.append(int(words[-2], 16))
    return found
