"""The tables of the benchmark, as Markdown that reads as plain text, too."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from leakbench.case import Case, Side
from leakbench.intervals import Share, upper_bound, wilson
from leakbench.scoring import Rate, Scored, Spread, rates, spreads

_RIGHT_ALIGNED = "---:"


def summary(scored: Sequence[Scored]) -> str:
    """All figures over all runs."""
    alarms = next(rate for rate in rates(scored) if rate.name.startswith("false alarms"))
    rows = [_rate_row(rate) for rate in rates(scored) if rate.runs.of]
    quantities = [_spread_row(spread) for spread in spreads(scored) if spread.values]
    parts = [
        table(("", "of runs", "95 %", "of cases", "95 %"), rows),
        table(("", "median", "90th percentile", "runs"), quantities),
    ]
    if alarms.runs.of:
        bound = upper_bound(alarms.runs)
        parts.append(f"At 95 % at most {bound:.2%} of such runs are false alarms (one-sided, exact).\n")
    return "\n".join(parts)


def by_side(scored: Iterable[Scored]) -> str:
    """One row for each side of each case."""
    groups: dict[tuple[str, str], list[Scored]] = defaultdict(list)
    for each in scored:
        groups[each.case.name, each.side.name].append(each)
    head = ("case", "side", "truth", "verdicts", "right", "cause", "culprit first", "in three", "error", "seconds")
    return table(head, [_side_row(group) for _, group in sorted(groups.items())])


def of_cases(cases: Iterable[Case]) -> str:
    """What each case is, and in what it differs from the others."""
    head = ("case", "Python", "server", "holder", "signal", "trigger", "leaky side", "fixed side")
    return table(head, [_case_row(case) for case in cases])


def _case_row(case: Case) -> tuple[str, ...]:
    server = (case.server or "default") + "".join(
        f", {count} {name}"
        for name, count in (("workers", case.workers), ("threads", case.threads), ("at a time", case.concurrency))
        if count > 1
    )
    name = f"`{case.name}`" + (" (set aside)" if case.held_out else "")
    axes = case.axes
    return name, case.python, server, axes.holder, axes.signal, axes.trigger, *map(_truth, case.sides)


def _truth(side: Side) -> str:
    rates = [f"{rate:g} {name.replace('_', ' ')}" for name, rate in side.per_request.items()]
    if side.bytes_per_request is not None:
        rates.insert(0, f"{side.bytes_per_request:,.0f} B")
    verdict = " or ".join(side.verdicts)
    cause = f", {' or '.join(side.causes)}" if side.causes else ""
    return f"{verdict}{cause}" + (f", {' + '.join(rates)} per request" if rates else "")


def _side_row(group: Sequence[Scored]) -> tuple[str, ...]:
    first = group[0]
    verdicts = Counter(each.result.verdict or each.result.outcome for each in group)
    errors = [each.size_error for each in group if each.size_error is not None]
    return (
        f"`{first.case.name}`",
        first.side.name,
        " or ".join(first.side.verdicts),
        ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()),
        _count(each.right for each in group),
        _count(each.cause_right for each in group) if first.side.causes else "",
        _count(each.culprit_in_top(1) for each in group) if first.side.culprit.known else "",
        _count(each.culprit_in_top(3) for each in group) if first.side.culprit.known else "",
        f"{sorted(errors)[len(errors) // 2]:.1%}" if errors else "",
        f"{sorted(each.result.seconds for each in group)[len(group) // 2]:.0f}",
    )


def _count(hits: Iterable[bool]) -> str:
    every = list(hits)
    return f"{sum(every)}/{len(every)}"


def _rate_row(rate: Rate) -> tuple[str, ...]:
    return rate.name, *share_cells(rate.runs), *share_cells(rate.cases)


def share_cells(share: Share) -> tuple[str, str]:
    """The share, and its interval; empty of nothing."""
    if not share.of:
        return "", ""
    low, high = wilson(share)
    return f"{share.hits:.4g}/{share.of} = {share.rate:.1%}", f"{low:.1%} to {high:.1%}"


def _spread_row(spread: Spread) -> tuple[str, ...]:
    return (
        spread.name,
        _quantity(spread.median, spread.unit),
        _quantity(spread.p90, spread.unit),
        str(len(spread.values)),
    )


def _quantity(value: float, unit: str) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.1%}" if unit == "%" else f"{value:.0f} {unit}".strip()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; few columns are figures, and stand to the right."""
    lines = [head, ["---", *[_RIGHT_ALIGNED if len(head) < 6 else "---"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
