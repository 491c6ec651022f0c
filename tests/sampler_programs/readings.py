"""What samples say, and what is allocated for them to say."""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

    from leakhunt.agent import _sampler
else:
    import _sampler


class Estimate:
    """Bytes and blocks that a site is estimated to hold, and how many samples say so."""

    def __init__(self) -> None:
        self.size = self.blocks = 0.0
        self.samples = 0

    def add(self, size: int, chance: float) -> None:
        self.size += size / chance
        self.blocks += 1 / chance
        self.samples += 1


def estimates(reading: Any, file: str) -> dict[int, Estimate]:
    """By the innermost line in `file`."""
    found: dict[int, Estimate] = {}
    for _, size, chance, stack, *_ in reading["samples"]:
        line = next(
            (reading["frames"][each][1] for each in reading["stacks"][stack][0] if _is_in(reading, each, file)), 0
        )
        found.setdefault(line, Estimate()).add(size, chance)
    return found


def _is_in(reading: Any, frame: int, file: str) -> bool:
    return bool(reading["frames"][frame][0] == file)


def estimate_of(function: Callable[..., Any], reading: Any = None) -> Estimate:
    """What the whole body of a function is estimated to hold."""
    reading = reading or _sampler.read()
    total = Estimate()
    for _, size, chance, stack, *_ in reading["samples"]:
        if any(_calls(reading["frames"][each], function) for each in reading["stacks"][stack][0]):
            total.add(size, chance)
    return total


def _calls(frame: Any, function: Callable[..., Any]) -> bool:
    return bool(frame[0] == __file__ and frame[2].rpartition(".")[2] == function.__name__)


def deviation(sizes: Iterable[int], interval: float) -> float:
    """Standard deviation of the estimated bytes of these blocks: each is there, for size/q, with probability q."""
    chances = ((size, -math.expm1(-size / interval)) for size in sizes)
    return math.sqrt(sum(size * size * (1 - chance) / chance for size, chance in chances))


def keep_bytes(number: int, size: int) -> list[bytes]:
    return [bytes(size) for _ in range(number)]


class Thing:
    """Something with a dictionary."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = "thing number %d" % number
