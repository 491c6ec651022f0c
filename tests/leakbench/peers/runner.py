"""Runs peers on trials, one after the other; what has its outcome is not run again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from leakbench.environments import CACHE
from leakbench.lines import append_line
from leakbench.peers.outcome import Outcome, read_outcomes
from leakbench.peers.own import Own
from leakbench.peers.registry import Peer, module_name
from leakbench.peers.run import TIMEOUT, digest_of, run_peer
from leakbench.trial import Trial


@dataclass(frozen=True, slots=True)
class Comparison:
    """Where peers are run."""

    cache: Path = CACHE
    timeout: float = TIMEOUT
    python: Path | None = None
    """Runs every app in place of the environments that the cases ask for."""
    say: Callable[[str], object] = print

    @property
    def store(self) -> Path:
        """The file with all outcomes."""
        return self.cache / "outcomes.jsonl"

    def run_all(self, trials: Iterable[Trial], peers: Sequence[Peer], own: Own) -> tuple[Outcome, ...]:
        """The outcomes of all peers on all trials, those of an earlier run among them."""
        wanted = [(peer, trial, own.requests(trial)) for trial in trials for peer in peers]
        known = read_outcomes(self.store)
        done: dict[int, Outcome] = {}
        for number, (peer, trial, requests) in enumerate(wanted):
            found = known.get((module_name(peer), *trial.key))
            # What could not be installed may be by now.
            if found and found.outcome != "not applicable" and _is_of(found, peer, trial, requests):
                done[number] = found
        if done:
            self.say(f"{len(done)} of {len(wanted)} runs have their outcomes already.")
        started, left = time.monotonic(), len(wanted) - len(done)
        for number, (peer, trial, requests) in enumerate(wanted):
            if number in done:
                continue
            outcome = run_peer(peer, trial, requests, cache=self.cache, timeout=self.timeout, python=self.python)
            append_line(self.store, outcome)
            done[number] = outcome
            position = left - (len(wanted) - len(done))
            rest = (time.monotonic() - started) / position * (left - position)
            self.say(f"[{position}/{left}] {describe(peer, trial, outcome)}; about {rest / 60:.0f} min left")
        return tuple(done[number] for number in range(len(wanted)))


def _is_of(outcome: Outcome, peer: Peer, trial: Trial, requests: int) -> bool:
    return outcome.had(requests) and outcome.trial == digest_of(peer, trial, outcome.requests)


def describe(peer: Peer, trial: Trial, outcome: Outcome) -> str:
    """One line for whoever watches."""
    said = outcome.verdict or f"{outcome.outcome}: {outcome.reason.splitlines()[-1:]}"
    return f"{trial.label}: {peer.TITLE}: {said} after {outcome.seconds:.0f} s"
