"""Which request comes when: decided by the seed alone, never by which thread was faster."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from leakhunt.workload.scenario import Step


def shuffled(doses: Mapping[str, int], *, seed: int, round_number: int) -> tuple[str, ...]:
    """Every step's name as often as its dose says, in an order that depends on the seed and the round only."""
    names = [(name, index) for name, dose in doses.items() for index in range(dose)]
    ranks = {item: _rank(f"{seed}:{round_number}:{item[0]}:{item[1]}") for item in names}
    return tuple(name for name, _ in sorted(names, key=ranks.__getitem__))


def doses_for(steps: Iterable[Step], total: int) -> dict[str, int]:
    """`total` requests shared out by weight; what does not divide goes to the largest remainders.

    Steps that are sent once get none.
    """
    dosed = [step for step in steps if not step.once]
    weight = sum(step.weight for step in dosed)
    shares = {step.name: total * step.weight / weight for step in dosed}
    doses = {name: int(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: shares[name] - doses[name], reverse=True)
    for name in by_remainder[: total - sum(doses.values())]:
        doses[name] += 1
    return doses


def _rank(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
