"""Runs a peer on a trial, in a process of its own inside the environment of the case."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakbench.environments import CACHE, NoEnvironmentError, environment
from leakbench.peers import feed
from leakbench.peers.inside.rows import Plan, Row
from leakbench.peers.outcome import Kind, Outcome
from leakbench.peers.packages import packages
from leakbench.peers.registry import INTRUSIVE, Peer, module_name
from leakbench.results import Accused
from leakbench.trial import Trial

REQUESTS: Final = 2000
"""Calls of the app where leakhunt has no result to take the number from."""
TIMEOUT: Final = 900.0
"""As for leakhunt."""

_INSIDE: Final = Path(__file__).with_name("inside")
_WARM_UP: Final = 0.1
_LAST_WORDS: Final = 400


def plan_of(requests: int) -> Plan:
    """A tenth of the requests is the warm-up."""
    warm_up = max(1, round(_WARM_UP * requests))
    return Plan(warm_up, requests - warm_up)


def digest_of(peer: Peer, trial: Trial, requests: int) -> str:
    """Changes with all that may change what a peer sees, and with its rule; not with another peer's."""
    digest = hashlib.sha256(f"{trial.digest} {requests}".encode())
    others = {module_name(each) for each in INTRUSIVE} - {module_name(peer)}
    for path in (*sorted(_INSIDE.glob("*.py")), Path(feed.__file__)):
        if path.stem not in others:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a driver wrote."""

    rows: list[Row]
    seconds: float
    answers: dict[str, int]


class NotApplicableError(Exception):
    """A peer cannot run on a side."""


class RunError(Exception):
    """A run failed, or did not end in time."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def run_peer(
    peer: Peer,
    trial: Trial,
    requests: int,
    *,
    cache: Path = CACHE,
    timeout: float = TIMEOUT,
    python: Path | None = None,
) -> Outcome:
    """The outcome of a peer on a trial; with `python` under that interpreter instead of the environment of the case."""
    clock = time.monotonic()
    kind: Kind = "judged"
    reason, verdict, suspect, app_seconds = "", None, None, None
    try:
        seen = _seen(peer, trial, plan_of(requests), cache=cache, timeout=timeout, python=python)
    except (NotApplicableError, NoEnvironmentError) as error:
        kind, reason = "not applicable", str(error)
    except RunError as error:
        kind, reason = error.kind, str(error)
    else:
        accused = peer.accuse(seen.rows, plan_of(requests))
        verdict, app_seconds = "LEAK" if accused else "CLEAN", round(seen.seconds, 3)
        suspect = as_accused(accused[0]) if accused else None
    name, side, seed = trial.key
    seconds = round(time.monotonic() - clock, 1)
    digest = digest_of(peer, trial, requests)
    return Outcome(
        module_name(peer), name, side, seed, digest, requests, kind, reason, verdict, suspect, seconds, app_seconds
    )


def as_accused(row: Row) -> Accused:
    """A row as the benchmark compares it with the truth."""
    return Accused(
        cause="",
        type=row.type,
        site=row.site,
        library=row.library,
        package=None,
        path=row.path,
        cap=None,
        bytes_per_request=None,
    )


def _seen(peer: Peer, trial: Trial, plan: Plan, *, cache: Path, timeout: float, python: Path | None) -> Seen:
    case = trial.case
    if python is None and tuple(map(int, case.python.split("."))) < peer.OLDEST:
        raise NotApplicableError(f"needs Python {'.'.join(map(str, peer.OLDEST))}, the case has {case.python}")
    if case.command and "application" not in (case.directory / "app.py").read_text(encoding="utf-8"):
        raise NotApplicableError("the app is no WSGI application")
    home = python or environment(case, trial.side, cache=cache).python
    extra = packages(peer.REQUIREMENTS, case.python, cache) if python is None else None
    with tempfile.TemporaryDirectory(prefix="leakbench-") as scratch:
        output = Path(scratch) / "seen.json"
        command = [
            *(str(home), str(_INSIDE / "driver.py"), "--peer", module_name(peer), "--output", str(output)),
            *("--warm-up", str(plan.warm_up), "--requests", str(plan.requests)),
            *(("--packages", str(extra)) if extra else ()),
        ]
        environ = {**os.environ, **trial.side.env, "TMPDIR": scratch, "PYTHONDONTWRITEBYTECODE": "1"}
        environ["PYTHONHASHSEED"] = str(trial.seed)
        environ.pop("PYTHONPATH", None)
        said = _drive(command, trial, environ, timeout)
        if not output.exists():
            raise RunError("failed", said[-_LAST_WORDS:] or "it said nothing")
        data = json.loads(output.read_text(encoding="utf-8"))
    if set(data["answers"]) <= {"raised", "500", "none"}:
        raise RunError("failed", f"the app answered {data['answers']}")
    rows = [Row(**{**row, "growth": tuple(row["growth"])}) for row in data["rows"]]
    return Seen(rows, data["seconds"], data["answers"])


def _drive(command: list[str], trial: Trial, environ: dict[str, str], timeout: float) -> str:
    """Run a driver and feed it; what it said on stderr."""
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command,
            cwd=trial.case.directory,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
        ) as process,
    ):
        assert process.stdin is not None
        feeder = threading.Thread(target=feed.pump, args=(feed.workload_of(trial.case), trial.seed, process.stdin))
        feeder.start()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise RunError("timed out", f"did not end within {timeout:.0f} s") from error
        finally:
            process.kill()  # a reader that is gone ends the feeder
            process.wait()
            feeder.join()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        said.seek(0)
        return said.read().decode(errors="replace").strip()
