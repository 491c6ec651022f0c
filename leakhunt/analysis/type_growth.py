"""Which types have grown in number and size between two looks into each worker, all workers together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from sys import intern

from leakhunt.model.snapshot import TypeStat
from leakhunt.model.view import TypeView
from leakhunt.units import Bytes, Seconds


@dataclass(frozen=True, slots=True)
class Look:
    """What one worker had at one moment: number and bytes by type."""

    time: Seconds
    types: Mapping[str, tuple[int, Bytes]]

    @classmethod
    def of(cls, time: Seconds, stats: Iterable[TypeStat]) -> Look:
        """A look from what a snapshot child has counted."""
        return cls(time, {intern(stat.type): (stat.count, stat.size or 0) for stat in stats})


@dataclass(slots=True)
class _Sum:
    count: int = 0
    size: Bytes = 0
    grown_count: int = 0
    grown_size: Bytes = 0
    count_rate: float = 0.0
    size_rate: float = 0.0


def grown_types(spans: Iterable[tuple[Look, Look]], most: int) -> tuple[TypeView, ...]:
    """The types whose size has grown fastest, by the first and the latest look into each worker; at most so many.

    A worker that was looked into once has the same look twice, and its objects do not count as growth. As long as that
    is so of all, the largest types are told. It is a difference and no verdict: what is loaded and cached at first is
    in it, and so is what requests that were under way had for a moment.
    """
    sums: dict[str, _Sum] = {}
    told = False
    for first, last in spans:
        minutes = (last.time - first.time) / 60
        told = told or minutes > 0
        for name in last.types.keys() | first.types.keys():
            _add(sums.setdefault(name, _Sum()), first.types.get(name, (0, 0)), last.types.get(name, (0, 0)), minutes)
    if told:
        chosen = sorted((item for item in sums.items() if item[1].grown_size > 0), key=lambda item: -item[1].size_rate)
    else:
        chosen = sorted(sums.items(), key=lambda item: -item[1].size)
    return tuple(_view(name, each, told=told) for name, each in chosen[:most])


def _add(total: _Sum, before: tuple[int, Bytes], now: tuple[int, Bytes], minutes: float) -> None:
    total.count += now[0]
    total.size += now[1]
    if minutes > 0:
        total.grown_count += now[0] - before[0]
        total.grown_size += now[1] - before[1]
        total.count_rate += (now[0] - before[0]) / minutes
        total.size_rate += (now[1] - before[1]) / minutes


def _view(name: str, total: _Sum, *, told: bool) -> TypeView:
    if not told:
        return TypeView(name, total.count, total.size, None, None, None, None)
    return TypeView(
        name, total.count, total.size, total.grown_count, total.grown_size, total.count_rate, total.size_rate
    )
