"""Controller side of the stop window: starts the process that does it, and waits."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

import leakhunt
from leakhunt.targets.inject.stop_window import RUN_LIMIT, STOP_LIMIT, Job, Outcome
from leakhunt.units import Seconds

_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from leakhunt.targets.inject.stop_window import main; main()"
)
_MARGIN: Final[Seconds] = 20.0
"""How long an interpreter may take to start on a busy machine."""


def perform(job: Job) -> Outcome:
    """Have a process of its own do a job.

    It goes on if this one is interrupted or killed: a stop window that has begun is always closed. It is never killed.
    """
    process = start()
    try:
        answer, errors = process.communicate(
            json.dumps(asdict(job)).encode(),
            timeout=sum(patience for _, patience in job.steps) + STOP_LIMIT + RUN_LIMIT + _MARGIN,
        )
    except subprocess.TimeoutExpired:
        return Outcome(problem="the process that stops its thread does not answer")
    try:
        return Outcome(**json.loads(answer))
    except ValueError:
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        return Outcome(problem=f"the process that stops its thread failed: {' '.join(last)}")


def start() -> subprocess.Popen[bytes]:
    """A process that waits for a job on its stdin."""
    return subprocess.Popen(
        # Neither the site's packages nor the environment have a say in what runs there.
        [sys.executable, "-I", "-S", "-c", _START, str(Path(leakhunt.__file__).parent.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
