"""The sentences that give a judgement its reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from leakhunt.analysis.bound import Bound
from leakhunt.analysis.dose import Slope
from leakhunt.analysis.series import RoundGrowth
from leakhunt.model.snapshot import Container
from leakhunt.units import format_size

NO_COMPLETE_BLOCK: Final = "the run ended before one full block of verdict rounds was recorded"
SPLIT_UNKNOWN: Final = (
    "several processes serve and none tells which requests it got, so growth cannot be set against requests; "
    "run with one worker"
)
BELOW_BUDGET: Final = "below the budget"
"""Ends the reason that tells a growth which is proven and no leak."""
NO_REQUESTS: Final = "no request reached this route in the verdict rounds"
NO_MEMORY_SIGNAL: Final = "neither live bytes nor anonymous memory could be read in every round"

_NOUNS: Final[Mapping[str, str]] = {
    "live": "live memory",
    "blocks": "allocated blocks",
    "malloc": "memory in use from malloc",
    "anonymous": "anonymous memory",
    "threads": "threads",
    "descriptors": "file descriptors",
    "temp_files": "temporary files",
}


def amount(signal: str, value: float) -> str:
    """A growth with its unit: `20.0 KiB of live memory`, `1 threads`."""
    if signal in {"live", "anonymous", "malloc"}:
        return f"{format_size(value)} of {_NOUNS[signal]}"
    return f"{value:.3g} {_NOUNS[signal]}"


def not_separable(route: str, routes: int) -> str:
    """The rounds do not tell this route from the others."""
    return f"the rounds do not separate {route} from the other {routes - 1} routes; more rounds per block would"


def leak(slopes: Mapping[str, Sequence[float]], requests: int) -> tuple[str, ...]:
    """Proven growth, signal by signal; `slopes` per request of the route, one for each of its last blocks."""
    lines = []
    for signal, blocks in slopes.items():
        lines.append(f"{_NOUNS[signal]}: {_steps(signal, blocks)}")
    if next(iter(slopes)) == "blocks":
        lines.append("its blocks prove it; its bytes alone are within the noise, and so is their interval")
    lines.append(f"unbounded over {requests} requests; a store with room for more entries would look the same")
    return tuple(lines)


def growing_once(signal: str, slope: Slope) -> str:
    """Growth proven in the last block only."""
    return (
        f"grew by {amount(signal, slope.per_request)} per request in the last block, "
        "not yet proven to go on; one more block would settle it"
    )


def clean(
    bound: Bound | None,
    *,
    step: RoundGrowth | None,
    signal: str | None,
    early: float | None,
    small: Mapping[str, Slope],
) -> tuple[str, ...]:
    """Equivalence, with proven growths below the budget and a step left out of account told apart."""
    lines = []
    if early is not None:
        lines.append(f"grew by {format_size(early)} at first, then stopped growing")
    if bound is not None and bound.swing is None:
        lines.append(at_most(bound))
    if bound is not None and bound.swing is not None:
        lines.append(
            f"reached no new maximum over {bound.requests} requests; a leak of less than {format_size(bound.upper)} "
            f"per request could hide in what moved by {format_size(bound.swing)} meanwhile"
        )
    for name, growth in small.items():
        lines.append(f"grows by {amount(name, growth.per_request)} per request, {BELOW_BUDGET}")
    if step is not None and signal is not None:
        size = format_size(step.growth[signal], signed=True)
        lines.append(f"one step of {size} in round {step.index}, seen once in all verdict rounds, is not counted")
    return tuple(lines)


def released(signal: str, share: float) -> str:
    """Growth that ended with the load, or that was free memory."""
    if signal == "anonymous":
        return (
            f"{share:.0%} of the growth of {_NOUNS[signal]} was free memory that malloc had kept, and gave back when "
            "asked to: retention by the allocator, and no leak"
        )
    return f"{share:.0%} of the growth of {_NOUNS[signal]} was given back within seconds of rest: late, and no leak"


def not_settled(signal: str, slope: Slope, budget: float) -> str:
    """Neither growth nor its absence is proven."""
    return (
        f"up to {amount(signal, slope.upper)} per request cannot be ruled out after {slope.requests} requests "
        f"(budget {format_size(budget)}); about {_factor(slope.upper, budget)} times as many requests would settle it"
    )


def suspicious(signal: str, slope: Slope) -> str:
    """A second signal speaks against the route, not loudly enough for a leak."""
    chance = f" (p = {slope.p_value.own:.2g})" if slope.p_value is not None else ""
    return f"{_NOUNS[signal]} may grow, by {amount(signal, slope.per_request)} per request{chance}"


def background(signal: str, share: float) -> str:
    """Time alone explains the growth."""
    return (
        f"{share:.0%} of the growth of {_NOUNS[signal]} goes on while nothing is requested: "
        "it comes with time, not with this route"
    )


def at_most(bound: Bound) -> str:
    """What a route that stands still could keep."""
    return f"keeps at most {format_size(max(0.0, bound.upper))} per request (99 % upper bound)"


def stopped(total: float, kept: float, requests: int) -> str:
    """Growth that was proven and did not go on."""
    return (
        f"grew by {format_size(total)} in the verdict rounds and then stopped: {requests} more requests of this route "
        f"alone kept {format_size(max(0.0, kept))}"
    )


def idle(state: str, grown: str, seconds: float) -> str:
    """What the idle rounds say of growth with time; `grown` is the amount per second."""
    grows = f"grows by {grown} per second while nothing is requested"
    return {
        "leak": f"{grows}, proven in two blocks of idle rounds, {seconds:.0f} s in all",
        "bounded": f"{grows}, up to a cap",
        "clean": f"{grows}, no leak: {seconds:.0f} s of idle rounds rule out as much as the budget",
        "growing": f"{grows}, proven once in {seconds:.0f} s of idle rounds, and not yet twice",
    }.get(state, f"{grows}, as it seems, which {seconds:.0f} s of idle rounds do not prove")


def rose_with_requests(signal: str, rate: float, interval: tuple[float, float], requests: int) -> str:
    """What was seen to rise where requests were counted and not chosen."""
    low, high = (_short(signal, end) for end in interval)
    figures = f"{_short(signal, rate)} per request ({low} to {high})"
    return f"{_NOUNS[signal]} rose by {figures}, over {requests} requests, in both halves of the time"


def rose_at_first(signal: str, first: float, second: float) -> str:
    """The same where it did not go on."""
    figures = f"{_short(signal, first)} per request at first and by {_short(signal, second)} later"
    return f"{_NOUNS[signal]} rose by {figures}, as where a cache fills"


def came_together(routes: int) -> str:
    """Why several routes are told as one."""
    return f"the requests of these {routes} routes came together, so one cannot be told from the other"


def cap(container: Container, size: float) -> str:
    """A container that will stop growing."""
    source = f" ({container.cap_source})" if container.cap_source else ""
    room = f", about {format_size(size * container.cap)} when full" if container.cap else ""
    fill = ""
    if container.cap and container.length is not None:
        fill = f"; it is {container.length / container.cap:.0%} full: {container.length} of {container.cap} entries"
    return f"{container.path} holds at most {container.cap} entries{source}{room}{fill}"


def unexpected(statuses: Mapping[str, int], share: float) -> str:
    """Too many responses were not what the step expects."""
    counts = ", ".join(f"{count} x {status}" for status, count in statuses.items())
    return f"{share:.0%} of the responses were unexpected ({counts}), so the route did not do its work"


def _steps(signal: str, slopes: Sequence[float]) -> str:
    """`+501 KiB per request, the same in 2 blocks running`, or each block's own figure where they differ."""
    steps = list(dict.fromkeys(f"+{_short(signal, slope)} per request" for slope in slopes))
    if not steps:
        return "more with every request"
    return f"{steps[0]}, the same in {len(slopes)} blocks running" if len(steps) == 1 else ", then ".join(steps)


def _short(signal: str, value: float) -> str:
    return format_size(value) if signal in {"live", "anonymous", "malloc"} else f"{value:.3g}"


def _factor(upper: float, budget: float) -> int:
    return max(2, round(upper / budget + 0.5))
