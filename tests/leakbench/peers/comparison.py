"""leakhunt and its peers on the very same trials, in one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from leakbench.case import Case, Side, load_cases
from leakbench.intervals import Share
from leakbench.peers.outcome import PUBLISHED, Key, Kind, Outcome, read_outcomes
from leakbench.peers.outside import TESTS, verdicts
from leakbench.peers.own import Own, published_own, requests_of
from leakbench.peers.registry import INTRUSIVE, Peer, module_name
from leakbench.results import Accused, Result
from leakbench.scoring import is_culprit
from leakbench.series import Recorded
from leakbench.tables import share_cells, table

_HEAD: Final = (
    *("tool", "leaks found", "95 %", "of leaks of memory", "false alarms", "95 %", "culprit first"),
    *("not applicable", "failed", "timed out", "times as slow"),
)
_NOT_YET: Final = "The comparison has not been made yet."


@dataclass(frozen=True, slots=True)
class Common:
    """A trial of which leakhunt has a result and every peer an outcome, on as many requests."""

    case: Case
    side: Side
    result: Result
    outcomes: Mapping[str, Outcome]
    """By the peer's name."""
    recorded: Recorded | None
    """None where nothing was kept of leakhunt's run."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a tool said about a side. One that could not run has said nothing, and so found nothing."""

    side: Side
    in_memory: bool
    """Whether memory is what the side leaks, if it leaks."""
    kind: Kind
    verdict: str | None
    suspect: Accused | None = None
    """The first that it named."""
    times: float | None = None
    """Seconds inside the app, over those without a tool."""

    @property
    def alarm(self) -> bool:
        """Whether it took the side for leaky."""
        return self.verdict == "LEAK"

    @property
    def culprit_found(self) -> bool:
        """Whether it found the leak and named who is to blame for it."""
        return self.alarm and self.suspect is not None and is_culprit(self.suspect, self.side.culprit)


@dataclass(frozen=True, slots=True)
class Standing:
    """One row of the table."""

    title: str
    said: tuple[Said, ...]
    names_culprits: bool = True

    @property
    def found(self) -> Share:
        """Of the sides that leak."""
        return _share((each for each in self.said if each.side.leaks), lambda each: each.alarm)

    @property
    def found_in_memory(self) -> Share:
        """Of those that leak memory, which is all that some tools look at."""
        return _share((each for each in self.said if each.side.leaks and each.in_memory), lambda each: each.alarm)

    @property
    def alarms(self) -> Share:
        """Of the sides where nothing grows without end."""
        return _share((each for each in self.said if each.side.harmless), lambda each: each.alarm)

    @property
    def culprits(self) -> Share:
        """Of the leaks whose culprit is known."""
        leaks = (each for each in self.said if each.side.leaks and each.side.culprit.known)
        return _share(leaks, lambda each: each.culprit_found)

    @property
    def times(self) -> float | None:
        """The middle of all trials; None where nothing was timed."""
        known = [each.times for each in self.said if each.times is not None]
        return median(known) if known else None

    def cells(self) -> tuple[str, ...]:
        """The row."""
        kinds = Counter(each.kind for each in self.said)
        return (
            self.title,
            *share_cells(self.found),
            share_cells(self.found_in_memory)[0],
            *share_cells(self.alarms),
            share_cells(self.culprits)[0] if self.names_culprits else "",
            *(str(kinds[kind]) for kind in ("not applicable", "failed", "timed out")),
            "" if self.times is None else f"{self.times:.1f}",
        )


def _share(said: Iterable[Said], hit: Callable[[Said], bool]) -> Share:
    hits = [hit(each) for each in said]
    return Share(sum(hits), len(hits))


def common(cases: Iterable[Case], own: Own, outcomes: Mapping[Key, Outcome], peers: Sequence[Peer]) -> list[Common]:
    """The trials that can be compared, in the order of leakhunt's results."""
    known = {case.name: case for case in cases}
    found = []
    for key, result in own.results.items():
        theirs = {name: outcomes.get((name, *key)) for name in map(module_name, peers)}
        same = {name: one for name, one in theirs.items() if one is not None and one.had(requests_of(result))}
        if result.case in known and len(same) == len(peers):
            series = own.series.get(key)
            kept = series if series and series.trial == result.trial else None
            found.append(Common(known[result.case], known[result.case].side(result.side), result, same, kept))
    return found


def standings(trials: Sequence[Common], peers: Sequence[Peer] = INTRUSIVE) -> Iterator[Standing]:
    """leakhunt first, then its peers, then the tests that look from outside, on the trials whose series were kept."""
    yield Standing("leakhunt", tuple(map(_of_leakhunt, trials)))
    for name, peer in zip(map(module_name, peers), peers, strict=True):
        if name != _BARE:
            yield Standing(peer.TITLE, tuple(_of_peer(trial, name) for trial in trials))
    kept = [(trial, trial.recorded) for trial in trials if trial.recorded]
    for name, title, _, _ in TESTS if kept else ():
        yield Standing(title, tuple(_from_outside(trial, one, name) for trial, one in kept), names_culprits=False)


_BARE: Final = module_name(INTRUSIVE[0])
"""The run without a tool, which is no row: times are compared with it."""


def _of_leakhunt(trial: Common) -> Said:
    result, answer = trial.result, trial.result.answer
    kind: Kind = "not applicable" if result.outcome == "no environment" else result.outcome
    suspect = answer.suspects[0] if answer and answer.suspects else None
    return Said(trial.side, _in_memory(trial), kind, result.verdict, suspect)


def _of_peer(trial: Common, name: str) -> Said:
    outcome, bare = trial.outcomes[name], trial.outcomes.get(_BARE)
    seconds, without = outcome.app_seconds, bare.app_seconds if bare else None
    times = seconds / without if seconds is not None and without else None
    return Said(trial.side, _in_memory(trial), outcome.outcome, outcome.verdict, outcome.suspect, times)


def _from_outside(trial: Common, recorded: Recorded, name: str) -> Said:
    verdict = verdicts(recorded.series).get(name) if recorded.series else None
    return Said(trial.side, _in_memory(trial), "judged" if verdict else "not applicable", verdict)


def _in_memory(trial: Common) -> bool:
    return trial.case.axes.signal in {"live", "anonymous"}


def report(cases: Iterable[Case], own: Own, outcomes: Mapping[Key, Outcome], peers: Sequence[Peer] = INTRUSIVE) -> str:
    """What was compared, and the table."""
    trials = common(cases, own, outcomes, peers)
    if not trials:
        return _NOT_YET
    names = {trial.case.name for trial in trials}
    others = len({outcome.key[1:] for outcome in outcomes.values()}) - len(trials)
    versions = ", ".join(text.replace("==", " ") for peer in peers for text in peer.REQUIREMENTS)
    commits = ", ".join(f"`{commit}`" for commit in sorted({trial.result.commit for trial in trials}))
    parts = [
        (
            f"{len(trials)} trials of {len(names)} cases: {sum(trial.side.leaks for trial in trials)} with a leak, "
            f"{sum(trial.side.harmless for trial in trials)} in which nothing grows without end."
        ),
        f"leakhunt {trials[0].result.leakhunt} at commit {commits}" + (f"; {versions}." if versions else "."),
    ]
    kept = sum(trial.recorded is not None for trial in trials)
    if 0 < kept < len(trials):
        parts.append(f"The tests from outside have {kept} of these trials: of the others no series was kept.")
    if others > 0:
        parts.append(f"Left out are {others} trials to which not every tool has an answer after as many requests.")
    return f"{' '.join(parts)}\n\n{table(_HEAD, (standing.cells() for standing in standings(trials, peers)))}"


def published_report(outcomes: Path = PUBLISHED) -> str:
    """The same from the committed files alone."""
    cases = (*load_cases(), *load_cases(held_out=True))
    return report(cases, published_own(), read_outcomes(outcomes))
