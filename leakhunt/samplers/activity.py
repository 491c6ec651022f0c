"""What else a process uses: processor time, threads, file descriptors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from leakhunt.samplers.memory import ProcessGone
from leakhunt.units import Seconds


@dataclass(frozen=True, slots=True)
class Activity:
    """One reading."""

    cpu: Seconds
    """User and system time since the process was born, without its children's."""
    threads: int
    descriptors: int | None
    """None where the kernel does not let us look."""


def read_activity(pid: int) -> Activity:
    """Processor time, threads and descriptors of a process.

    Raises:
        ProcessGone: there is no such process any more.
    """
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return Activity(times.user + times.system, process.num_threads(), _descriptors(process))
    except psutil.Error as error:
        raise ProcessGone(pid) from error


def cpu_of(pids: Iterable[int]) -> Seconds:
    """Processor time of several processes together; those that are gone count nothing."""
    total = 0.0
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def _descriptors(process: psutil.Process) -> int | None:
    try:
        return process.num_fds()
    except psutil.AccessDenied:
        return None
