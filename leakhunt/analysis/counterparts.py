"""Which suspect of one run is which of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from leakhunt.analysis.frames import relative_file
from leakhunt.model.comparison import Change, RouteChange, SuspectChange, SuspectState
from leakhunt.model.report import Report, Suspect

Key: TypeAlias = "tuple[str, ...] | None"

_STATES: Final = (SuspectState.NEW, SuspectState.REMAINING, SuspectState.NOT_SEEN, SuspectState.FIXED)
_INDEX: Final = re.compile(r"\[[^\]]*\]")


def suspect_changes(before: Report, after: Report, routes: Sequence[RouteChange]) -> tuple[SuspectChange, ...]:
    """Every suspect of both runs once, new ones first.

    One that is gone is fixed only where its route is: a route that leaks still, or that was not judged, may hide it.
    """
    fixed = {route.route for route in routes if route.change is Change.FIXED}
    found = [_judge(*pair, fixed) for pair in pair_suspects(before.suspects, after.suspects)]
    return tuple(sorted(found, key=lambda each: _STATES.index(each.state)))


def _judge(before: Suspect | None, after: Suspect | None, matched_by: str | None, fixed: set[str]) -> SuspectChange:
    if before is None:
        return SuspectChange(SuspectState.NEW, None, after, None)
    if after is not None:
        return SuspectChange(SuspectState.REMAINING, before, after, matched_by)
    state = SuspectState.FIXED if before.route in fixed else SuspectState.NOT_SEEN
    return SuspectChange(state, before, None, None)


def pair_suspects(
    before: Sequence[Suspect], after: Sequence[Suspect]
) -> tuple[tuple[Suspect | None, Suspect | None, str | None], ...]:
    """Every suspect once: with its counterpart and by what it was found, or alone.

    By fingerprint first, on the same route and then on any, since routes are renamed. A fingerprint changes with the
    function that allocates and with the type, so the holder decides next, and last the line, where one of both has no
    holder: the same line may feed several.
    """
    left, right = list(before), list(after)
    pairs: list[tuple[Suspect | None, Suspect | None, str | None]] = []
    for name, key, agree in _STEPS:
        for one in tuple(left):
            wanted = key(one)
            found = next((other for other in right if wanted and key(other) == wanted and agree(one, other)), None)
            if found is not None:
                left.remove(one)
                right.remove(found)
                pairs.append((one, found, name))
    return (*pairs, *((one, None, None) for one in left), *((None, one, None) for one in right))


def _on_route(suspect: Suspect) -> Key:
    return suspect.route, suspect.fingerprint


def _anywhere(suspect: Suspect) -> Key:
    return (suspect.fingerprint,)


def _holder(suspect: Suspect) -> Key:
    return None if suspect.path is None else (suspect.route, _INDEX.sub("[*]", suspect.path))


def _line(suspect: Suspect) -> Key:
    site = suspect.site
    return None if site is None else (suspect.route, relative_file(site.file), site.function)


def _always(_one: Suspect, _other: Suspect) -> bool:
    return True


def _one_without_holder(one: Suspect, other: Suspect) -> bool:
    return one.path is None or other.path is None


_STEPS: Final[tuple[tuple[str, Callable[[Suspect], Key], Callable[[Suspect, Suspect], bool]], ...]] = (
    ("fingerprint", _on_route, _always),
    ("fingerprint", _anywhere, _always),
    ("holder", _holder, _always),
    ("line", _line, _one_without_holder),
)
