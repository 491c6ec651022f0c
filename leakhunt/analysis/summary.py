"""The table that tells two runs in short, and the memory of their processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

from leakhunt.analysis.difference import difference, pair
from leakhunt.analysis.service import Answers, throughput
from leakhunt.model.comparison import Change, Pair, Rate, RoleMemory, RouteChange, SummaryRow
from leakhunt.model.report import Report, WorkerReport
from leakhunt.model.run import Role


def summarise(
    before: Report,
    after: Report,
    routes: Sequence[RouteChange],
    answers: tuple[Mapping[str, Answers], Mapping[str, Answers]],
) -> Iterator[SummaryRow]:
    """Its rows. Figures of routes are of those that both runs have requested."""
    common = [route for route in routes if route.before is not None and route.after is not None]
    if common:
        yield _kept(common)
    yield from _levels(before, after)
    if not common:
        return
    yield SummaryRow("peak", "bytes", _largest([route.peak for route in common]))
    yield SummaryRow("amplification", "ratio", _largest([route.amplification for route in common]))
    yield SummaryRow("response", "seconds", _sum([route.service.median for route in common]))
    names = [route.route for route in common]
    speeds = (
        throughput(found, names, report.plan.concurrency)
        for found, report in zip(answers, (before, after), strict=True)
    )
    yield SummaryRow("throughput", "per-second", pair(*speeds))
    yield SummaryRow("expected", "share", pair(_expected(before), _expected(after)))


def role_memory(before: Report, after: Report) -> tuple[RoleMemory, ...]:
    """Role by role, workers first."""
    found: dict[str, tuple[list[WorkerReport], list[WorkerReport]]] = {}
    for index, report in enumerate((before, after)):
        for worker in report.workers:
            found.setdefault(worker.role, ([], []))[index].append(worker)
    return tuple(_of_role(role, *found[role]) for role in sorted(found, key=lambda role: role != Role.WORKER.value))


def _of_role(role: str, before: Sequence[WorkerReport], after: Sequence[WorkerReport]) -> RoleMemory:
    def largest(name: str) -> Pair:
        sides = (before, after)
        values = ([value for each in workers if (value := getattr(each, name)) is not None] for workers in sides)
        return pair(*(max(found, default=None) for found in values))

    return RoleMemory(role, pair(len(before), len(after)), largest("rss_start"), largest("rss_end"), largest("rss_max"))


def _levels(before: Report, after: Report) -> Iterator[SummaryRow]:
    workers = next((row for row in role_memory(before, after) if row.role == Role.WORKER.value), None)
    if workers is not None:
        yield SummaryRow("rss-start", "bytes", workers.start)
        yield SummaryRow("rss-end", "bytes", workers.end)
        yield SummaryRow("rss-most", "bytes", workers.most)


def _kept(routes: Sequence[RouteChange]) -> SummaryRow:
    """What one request of each route keeps, all together; None where it is not known of all of them."""
    rates = [_sum_rates([side for route in routes if (side := _side(route, index))], len(routes)) for index in (0, 1)]
    values = [None if rate is None else rate.value for rate in rates]
    intervals = tuple(None if rate is None else rate.interval for rate in rates)
    known = rates[0] is not None and rates[1] is not None
    return SummaryRow(
        "kept",
        "bytes",
        pair(*values),
        (intervals[0], intervals[1]),
        difference(rates[0], rates[1]) if known and rates[0] and rates[1] else None,
    )


def _side(route: RouteChange, index: int) -> Rate | None:
    return None if route.memory.change is Change.NOT_COMPARABLE else (route.memory.before, route.memory.after)[index]


def _sum_rates(rates: Sequence[Rate], wanted: int) -> Rate | None:
    """The sum with its interval, as in `difference`."""
    if not rates or len(rates) < wanted:
        return None
    value = sum(rate.value for rate in rates)
    known = [rate.interval for rate in rates if rate.interval is not None]
    if len(known) < len(rates):
        return Rate(value, None, leaks=False)
    down = sqrt(sum((rate.value - interval[0]) ** 2 for rate, interval in zip(rates, known, strict=True)))
    up = sqrt(sum((interval[1] - rate.value) ** 2 for rate, interval in zip(rates, known, strict=True)))
    return Rate(value, (value - down, value + up), leaks=False)


def _largest(pairs: Sequence[Pair]) -> Pair:
    return pair(*(max((v for v in side if v is not None), default=None) for side in _sides(pairs)))


def _sum(pairs: Sequence[Pair]) -> Pair:
    sums = []
    for side in _sides(pairs):
        known = [value for value in side if value is not None]
        sums.append(sum(known) if known and len(known) == len(side) else None)
    return pair(*sums)


def _sides(pairs: Sequence[Pair]) -> tuple[list[float | None], list[float | None]]:
    return [each.before for each in pairs], [each.after for each in pairs]


def _expected(report: Report) -> float | None:
    requests = sum(route.requests for route in report.routes)
    return 1 - sum(route.unexpected for route in report.routes) / requests if requests else None
