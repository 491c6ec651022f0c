"""The process that opens a stop window: it reads a job, does it, and stays with a text that it has queued.

Nothing but the kernel can end it before it is done: it has a session of its own, and signals are blocked.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from leakhunt.targets.inject import guard
from leakhunt.targets.inject.memory import open_memory
from leakhunt.targets.inject.stop_window import Job, Outcome, perform


def main() -> None:
    """Read a job from stdin, write its outcome to stdout. Whoever gave it waits for it as long as stdin is open."""
    signal.pthread_sigmask(
        signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP)
    )
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("-500", encoding="ascii")
    job = _read_job(json.loads(sys.stdin.readline()))
    outcome = perform(job, _is_wanted)
    with suppress(OSError):  # whoever wanted to know may be gone
        sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
        sys.stdout.flush()
    if outcome.text_at:
        _stay(job, outcome)


def _stay(job: Job, outcome: Outcome) -> None:
    """Wait for the end of a text that was queued; others may attach meanwhile."""
    if job.lock >= 0:
        os.close(job.lock)
    text, previous = job.text.encode(), bytes.fromhex(outcome.previous)
    queued = guard.Queued(job.pid, job.code_at, previous, outcome.cancel_at, outcome.text_at, text)
    with suppress(OSError), open_memory(job.pid) as memory:
        guard.stay(
            queued, memory, _is_wanted, lambda *_: perform(replace(job, steps=(("look", 1.0),))).done is not None
        )


def _is_wanted() -> bool:
    """Whether stdin is still open at its other end."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    return not poll.poll(0)


def _read_job(values: dict[str, Any]) -> Job:
    values["api"] = tuple(values["api"])
    values["steps"] = tuple((step, patience) for step, patience in values["steps"])
    values["avoid"] = tuple((start, size) for start, size in values["avoid"])
    return Job(**values)
