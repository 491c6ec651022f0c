"""Controller side of the stop window: starts the process that does it, and waits."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

import leakhunt
from leakhunt.targets.inject.stop_window import RUN_LIMIT, STOP_LIMIT, Job, Outcome
from leakhunt.units import Seconds

_START: Final = "import sys; sys.path.insert(0, sys.argv[1]); from leakhunt.targets.inject.stopper import main; main()"
_MARGIN: Final[Seconds] = 20.0
"""How long an interpreter may take to start on a busy machine."""
_PUTTING_BACK: Final[Seconds] = 1.0
"""How long to wait for one that takes its code away; it goes on without us."""


class Helper:
    """One such process, and what has come of its job.

    It goes on if this one is interrupted or killed: a stop window that has begun is always closed. It is never killed.
    One that has queued a text stays with it until it is over, see `guard`.
    """

    def __init__(self, job: Job) -> None:
        self._process = start(*([job.lock] if job.lock >= 0 else []))
        self.outcome = self._perform(job)
        """What came of it."""

    def release(self) -> None:
        """Say that nobody waits for it any more; a queued text is called off. To be called once it is done."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(_PUTTING_BACK)
        except subprocess.TimeoutExpired:
            threading.Thread(target=self._process.wait, name="leakhunt-helper", daemon=True).start()

    def _perform(self, job: Job) -> Outcome:
        pipe, answers = self._process.stdin, self._process.stdout
        if pipe is None or answers is None:
            raise RuntimeError("the helper was started without pipes")
        try:
            pipe.write(json.dumps(asdict(job)).encode() + b"\n")
            pipe.flush()
        except OSError:  # it will say why
            pass
        patience = sum(patience for _, patience in job.steps) + STOP_LIMIT + RUN_LIMIT + _MARGIN
        if not select.select([answers], [], [], patience)[0]:
            return Outcome(problem="the process that stops its thread does not answer")
        try:
            return Outcome(**json.loads(answers.readline()))
        except ValueError:
            return Outcome(problem=f"the process that stops its thread failed: {self._last_words()}")

    def _last_words(self) -> str:
        errors = self._process.stderr.read() if self._process.stderr is not None else b""
        return " ".join(errors.decode(errors="replace").strip().splitlines()[-1:])


def perform(job: Job) -> Outcome:
    """Have a process of its own do a job that leaves nothing to wait for."""
    helper = Helper(job)
    helper.release()
    return helper.outcome


def start(*keep: int) -> subprocess.Popen[bytes]:
    """A process that waits for a job on its stdin; it gets the descriptors to `keep`."""
    return subprocess.Popen(
        # Neither the site's packages nor the environment have a say in what runs there.
        [sys.executable, "-I", "-S", "-c", _START, str(Path(leakhunt.__file__).parent.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=keep,
    )
