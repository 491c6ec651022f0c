"""A run as a reference for later ones, and what makes two of them less comparable. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from leakhunt.analysis.likeness import allocator, python
from leakhunt.model.reference import Reference, ReferenceRoute
from leakhunt.model.report import Report, Suspect, Verdict
from leakhunt.model.run import Caveat, Phase, Run

_WEAK: Final = "weak"


def reference_of(run: Run, report: Report, source: str) -> Reference:
    """What a later run is compared with."""
    doses = _doses(run)
    return Reference(
        source=source,
        seed=run.plan.seed,
        python=python(report),
        allocator=allocator(report),
        routes={
            route.route: ReferenceRoute(
                report=route,
                doses={step: doses[step] for step in route.steps if step in doses},
                types=kept_types(report.suspects, route.route) if route.verdict is Verdict.LEAK else {},
            )
            for route in report.routes
        },
        background=report.background,
    )


def kept_types(suspects: Sequence[Suspect], route: str) -> Mapping[str, float]:
    """Objects that a request of a route keeps, by type, as far as it is known who holds or allocates them."""
    found: defaultdict[str, float] = defaultdict(float)
    for suspect in suspects:
        if suspect.route == route and suspect.type is not None and suspect.confidence != _WEAK:
            found[suspect.type] += suspect.count_per_request or 0.0
    return dict(found)


def unlike(reference: Reference, now: Reference) -> Iterator[Caveat]:
    """One caveat for each difference. Of Python a patch version makes none, of machines their speed."""
    for code, name, before, after in (
        ("python", "Python", reference.python, now.python),
        ("allocator", "allocator", reference.allocator, now.allocator),
        ("seed", "seed", str(reference.seed), str(now.seed)),
    ):
        if before != after:
            yield Caveat(f"other-{code}", f"{name}: {before} in the reference, {after} now")
    then, drawn = reference.doses, now.doses
    other = sorted(step for step in then.keys() & drawn.keys() if not _same_doses(then[step], drawn[step]))
    if other:
        text = f"doses: other ones than in the reference for {', '.join(other)}; rates are per request and allow for it"
        yield Caveat("other-doses", text)


def _doses(run: Run) -> Mapping[str, tuple[tuple[int, ...], ...]]:
    """By step and block, in the order in which they were sent."""
    found: defaultdict[str, list[tuple[int, ...]]] = defaultdict(list)
    rounds = [each for each in run.rounds if each.phase is Phase.DOSE]
    for _, together in groupby(rounds, key=lambda each: each.block):
        block = list(together)
        for step in block[0].doses:
            found[step].append(tuple(each.doses.get(step, 0) for each in block))
    return {step: tuple(blocks) for step, blocks in found.items()}


def _same_doses(before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> bool:
    """Whether the blocks that both have sent the same, in any order; how many it needs, a run sees for itself."""
    return all(sorted(one) == sorted(other) for one, other in zip(before, after, strict=False))
