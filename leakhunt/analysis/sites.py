"""Growing allocation sites: the lines whose memory stayed, round after round."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from leakhunt.analysis.explain import AloneRounds, Tally
from leakhunt.analysis.frames import innermost_application, is_application
from leakhunt.model.snapshot import Frame, Snapshot


@dataclass(frozen=True, slots=True)
class GrowingSite:
    """One line of code, and what it allocated that a route keeps."""

    route: str
    step: str
    frame: Frame
    """Innermost frame of the application, or of all where the application is not in the stack."""
    application: bool
    stacks: tuple[tuple[tuple[Frame, ...], float], ...]
    """The stacks through this frame, innermost frame first, with what each keeps in bytes per request."""
    size_per_request: float
    count_per_request: float
    multiple: int | None

    @property
    def stack(self) -> tuple[Frame, ...]:
        """The stack that keeps most."""
        return self.stacks[0][0]


def growing_sites(alone: AloneRounds) -> tuple[GrowingSite, ...]:
    """The sites that grew in every explain round of a step, those that keep most bytes first."""
    groups: dict[Frame, list[tuple[tuple[Frame, ...], Tally]]] = defaultdict(list)
    for stack, tally in alone.tally(_read).items():
        if stack:
            groups[innermost_application(stack) or stack[0]].append((stack, tally))
    found = [_merge(alone, frame, stacks) for frame, stacks in groups.items()]
    sites = [site for site in found if site is not None]
    return tuple(sorted(sites, key=lambda site: (-site.size_per_request, site.frame.file, site.frame.line)))


def _read(snapshot: Snapshot) -> dict[tuple[Frame, ...], tuple[int, int]]:
    values: dict[tuple[Frame, ...], tuple[int, int]] = {}
    for site in snapshot.sites:
        count, size = values.get(site.stack, (0, 0))
        values[site.stack] = (count + site.count, size + site.size)
    return values


def _merge(alone: AloneRounds, frame: Frame, stacks: list[tuple[tuple[Frame, ...], Tally]]) -> GrowingSite | None:
    total = stacks[0][1]
    for _, tally in stacks[1:]:
        total += tally
    if not total.grew_every_time or total.size_per_request <= 0:
        return None
    kept = [(stack, tally.size_per_request) for stack, tally in stacks if tally.size_per_request > 0]
    kept.sort(key=lambda entry: (-entry[1], [(f.file, f.line) for f in entry[0]]))
    return GrowingSite(
        alone.route,
        alone.step,
        frame,
        is_application(frame),
        tuple(kept),
        total.size_per_request,
        total.count_per_request,
        total.multiple,
    )
