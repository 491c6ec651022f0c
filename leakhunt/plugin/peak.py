"""What one call needs for a moment: how far it pushes the high-water mark of this process."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable

from leakhunt.agent.probes.mallocs import find_malloc
from leakhunt.samplers.memory import read_rss
from leakhunt.samplers.peak import read_peak, reset_peak
from leakhunt.units import Bytes


def peak_of(call: Callable[[], object]) -> Bytes:
    """RSS at the highest point of a call less RSS before it, once malloc's free memory was given back.

    Raises:
        TargetError: the kernel does not let the mark be reset.
    """
    gc.collect()
    find_malloc().release()
    reset_peak(os.getpid())
    before = read_rss(os.getpid())
    call()
    return max(0, read_peak(os.getpid()) - before)
