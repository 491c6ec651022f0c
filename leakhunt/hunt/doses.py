"""The design of the verdict rounds: distinct prime doses, drawn by lottery.

Why a lottery of doses and not a trend over time: docs/decisions/0005-dose-lottery.md.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Final

from leakhunt.units import Seconds

SPREAD: Final = 4.0
"""The largest dose of a block is about this many times its smallest."""
MEAN_MULTIPLE: Final = (1 + SPREAD) / 2
MIN_ROUNDS: Final = 6
"""720 orders of six doses: the fewest rounds by which one block can reach p = 1/720."""
FIRST_BASE: Final = 25
"""Smallest dose of the first block where requests are cheap; it doubles with each further block."""


def rounds_per_block(routes: int) -> int:
    """Rounds that a block needs so that the growths of all routes can be told apart within it.

    Each route and the background take one degree of freedom; two are left over to measure the noise with.
    """
    return max(MIN_ROUNDS, routes + 3)


def prime_doses(base: int, rounds: int) -> tuple[int, ...]:
    """As many distinct primes as there are rounds, spread evenly over `base` to about `SPREAD * base`, ascending."""
    doses: list[int] = []
    for index in range(rounds):
        wanted = base * (1 + (SPREAD - 1) * index / (rounds - 1))
        lowest = max(round(wanted), doses[-1] + 1 if doses else 2)
        doses.append(next(_primes_from(lowest)))
    return tuple(doses)


def base_of(doses: Iterable[int]) -> int:
    """A base of which `prime_doses` makes these doses, in whatever order; the smallest dose if there is none."""
    ordered = tuple(sorted(doses))
    base = ordered[0]
    while len(ordered) > 1 and base > 0 and (made := prime_doses(base, len(ordered)))[0] == ordered[0]:
        if made == ordered:
            return base
        base -= 1
    return ordered[0]


def draw_block(bases: Mapping[str, int], rounds: int, lottery: random.Random) -> tuple[Mapping[str, int], ...]:
    """The doses of each round of a block, by step. Every step has a lottery of its own, in the order of its name."""
    drawn = {step: list(prime_doses(base, rounds)) for step, base in sorted(bases.items())}
    for doses in drawn.values():
        lottery.shuffle(doses)
    return tuple({step: doses[index] for step, doses in drawn.items()} for index in range(rounds))


def affordable_base(cost: Seconds, share: Seconds, rounds: int, ceiling: int) -> int:
    """Smallest dose of a step whose requests take `cost` seconds, if its block may take `share` seconds in all."""
    if cost <= 0:
        return ceiling
    return max(1, min(ceiling, int(share / (cost * rounds * MEAN_MULTIPLE))))


def base_for_total(total: float, rounds: int) -> int:
    """The largest base whose block sends at most `total` requests of one step; 1 if there is none."""
    base = max(1, int(total / (rounds * MEAN_MULTIPLE)))
    while base > 1 and sum(prime_doses(base, rounds)) > total:
        base -= 1
    return base


def _primes_from(lowest: int) -> Iterator[int]:
    return (number for number in count(lowest) if _is_prime(number))


def _is_prime(number: int) -> bool:
    if number < 4:
        return number > 1
    return number % 2 == 1 and all(number % divisor for divisor in range(3, int(number**0.5) + 1, 2))
