"""Runs trials, one after the other, through leakhunt's own command line; what has its result is not run again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from leakbench.answers import read_answer
from leakbench.environments import CACHE, Environment, NoEnvironmentError, environment
from leakbench.lines import append_line
from leakbench.results import Answer, Outcome, Result, read_results
from leakbench.series import recorded
from leakbench.trial import Key, Trial, code_digest
from leakhunt import __version__

TIMEOUT: Final = 900.0
"""Seconds after which a run is stopped; the slowest case takes a third of it."""

_ROOT: Final = Path(__file__).parents[2]
_PATIENCE: Final = 30.0
"""Seconds that a run which is stopped may take to end its target."""
_LAST_WORDS: Final = 600
"""Characters kept of what a failed run said last."""


@dataclass(frozen=True, slots=True)
class Code:
    """The leakhunt that is measured."""

    digest: str
    commit: str

    @classmethod
    def here(cls) -> Code:
        """That of this checkout."""
        commit = _git("rev-parse", "--short=12", "HEAD")
        return cls(code_digest(), commit + ("+changes" if _git("status", "--porcelain", "--", "leakhunt") else ""))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


@dataclass(frozen=True, slots=True)
class Bench:
    """Where trials are run."""

    cache: Path = CACHE
    timeout: float = TIMEOUT
    python: Path | None = None
    """Runs every app in place of the environments that the cases ask for."""
    say: Callable[[str], object] = print

    def store(self, code: Code) -> Path:
        """The file with the results of this code."""
        return self.cache / f"results-{code.digest}.jsonl"

    def series_store(self, code: Code) -> Path:
        """The file with what those runs looked like from outside."""
        return self.cache / f"series-{code.digest}.jsonl"

    def run_all(self, trials: Iterable[Trial], code: Code) -> tuple[Result, ...]:
        """The results of all trials, those of an earlier run among them."""
        trials = tuple(trials)
        done = self._done(code, trials)
        left = [trial for trial in trials if trial.key not in done]
        if done:
            self.say(f"{len(done)} of {len(trials)} trials have their results already.")
        started = time.monotonic()
        for number, trial in enumerate(left, 1):
            result = self.run(trial, code)
            append_line(self.store(code), result)
            done[trial.key] = result
            rest = (time.monotonic() - started) / number * (len(left) - number)
            self.say(f"[{number}/{len(left)}] {describe(trial, result)}; about {rest / 60:.0f} min left")
        return tuple(done[trial.key] for trial in trials)

    def _done(self, code: Code, trials: Iterable[Trial]) -> dict[Key, Result]:
        """Results of these trials as they are now; one that had no environment is tried again."""
        digests = {trial.key: trial.digest for trial in trials}
        return {
            result.key: result
            for result in read_results(self.store(code))
            if digests.get(result.key) == result.trial and result.outcome != "no environment"
        }

    def run(self, trial: Trial, code: Code) -> Result:
        """The result of one trial."""
        now, clock = datetime.now(timezone.utc), time.monotonic()
        try:
            home = self._environment(trial)
        except NoEnvironmentError as error:
            outcome: Outcome = "no environment"
            code_of_exit, said, answer = None, str(error), None
        else:
            output = self._output(trial)
            code_of_exit, said = self._profile(trial.command(home.python, output))
            answer = _read(output / "report.json", trial, home)
            outcome = "timed out" if code_of_exit is None else "judged" if answer else "failed"
            append_line(self.series_store(code), recorded(trial, output))
            _keep_report(output)
        return Result(
            *trial.key,
            trial=trial.digest,
            code=code.digest,
            commit=code.commit,
            leakhunt=__version__,
            started_at=now.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - clock, 1),
            outcome=outcome,
            exit_code=code_of_exit,
            error=None if outcome == "judged" else said[-_LAST_WORDS:],
            answer=answer if outcome == "judged" else None,
        )

    def _environment(self, trial: Trial) -> Environment:
        if self.python is not None:
            return Environment(self.python.parents[1])
        return environment(trial.case, trial.side, cache=self.cache, say=self.say)

    def _output(self, trial: Trial) -> Path:
        """A directory for the run that does not exist yet; what is kept of it can be looked at later."""
        output = self.cache / "runs" / "-".join(map(str, trial.key))
        shutil.rmtree(output, ignore_errors=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        return output

    def _profile(self, command: tuple[str, ...]) -> tuple[int | None, str]:
        """Exit code, None if it had to be stopped, and what it said. The app's temporary files go when it has ended."""
        # Not below the cache: the path of a Unix socket holds 107 bytes.
        scratch = Path(tempfile.mkdtemp(prefix="leakbench-"))
        try:
            environ = {**os.environ, "TMPDIR": str(scratch), "NO_COLOR": "1", "COLUMNS": "200"}
            with (scratch / "said").open("w+", encoding="utf-8", errors="replace") as said:
                with subprocess.Popen(
                    command, cwd=_ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
                ) as process:
                    exit_code = _wait(process, self.timeout)
                said.seek(0)
                return exit_code, said.read().strip()
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], timeout: float) -> int | None:
    """The exit code, or None if it did not end in time: it is interrupted, and killed if that does not help."""
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    except BaseException:  # the benchmark itself is interrupted
        process.send_signal(signal.SIGINT)
        process.wait(_PATIENCE)
        raise
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()  # its target ends by itself when leakhunt is gone
    return None


def _read(report: Path, trial: Trial, home: Environment) -> Answer | None:
    try:
        data = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return read_answer(data, case=trial.case.directory, environment=home.directory)


def _keep_report(output: Path) -> None:
    """Drop all of a run but its reports for people and machines: hundreds of runs would fill a disk."""
    for path in output.glob("*"):
        if path.name not in {"report.json", "report.txt"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def describe(trial: Trial, result: Result) -> str:
    """One line for whoever watches."""
    answer = result.answer
    if answer is None:
        return f"{trial.label}: {result.outcome} after {result.seconds:.0f} s: {(result.error or '').splitlines()[-1:]}"
    rate = "" if answer.bytes_per_request is None else f", {answer.bytes_per_request:.0f} B/request"
    return f"{trial.label}: {answer.verdict}{rate} after {result.seconds:.0f} s"
