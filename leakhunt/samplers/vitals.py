"""All that is watched of one process, read in one go."""

from __future__ import annotations

from pathlib import Path

from leakhunt.model.view import Vitals
from leakhunt.samplers.activity import read_activity
from leakhunt.samplers.memory import read_memory


def read_vitals(pid: int) -> Vitals:
    """Memory, processor time, threads, descriptors and oom_score of a process.

    Raises:
        ProcessGone: there is no such process any more.
    """
    memory, activity = read_memory(pid), read_activity(pid)
    return Vitals(memory, activity.cpu, activity.threads, activity.descriptors, _oom_score(pid))


def _oom_score(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/oom_score").read_text(encoding="ascii"))
    except (OSError, ValueError):
        # Gone a moment later, or hidden.
        return None
