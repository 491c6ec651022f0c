"""The report on an app that was looked at under its own traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from leakhunt.analysis.chart import chart_series, phase_spans
from leakhunt.analysis.memory_split import memory_reports
from leakhunt.analysis.natural_suspects import Grown, natural_suspects
from leakhunt.analysis.natural_verdict import Opinion, Whole, judge_traffic, natural_judgement, read_whole
from leakhunt.analysis.next_step import proving_command
from leakhunt.analysis.processes import worker_reports
from leakhunt.analysis.series import Ledger
from leakhunt.analysis.thresholds import Thresholds
from leakhunt.analysis.traffic import LEAST_READINGS, LEAST_REQUESTS, Traffic, read_traffic
from leakhunt.model.report import Growth, Report, RoundRow, RouteReport, Verdict
from leakhunt.model.run import ALL_TRAFFIC, Caveat, Phase, Run
from leakhunt.units import Bytes

_NOTHING_SENT: Final = "nothing was sent: the app was looked at under its own traffic"
_RARE: Final = "{} other routes"


def natural_report(run: Run, thresholds: Thresholds, schema: int) -> Report:
    """Everything that can be said about a run in which nothing was sent."""
    traffic = read_traffic(run)
    opinions = judge_traffic(traffic, thresholds)
    whole = read_whole(traffic, thresholds)
    judgement = natural_judgement(run, traffic, opinions, whole, thresholds)
    rows = tuple(_row(opinion, thresholds) for opinion in opinions)
    routes = (*rows, *_rare_row(traffic))
    grown = [Grown(row, opinion.signals) for row, opinion in zip(rows, opinions, strict=True) if opinion.signals]
    if not grown and whole is not None and whole.rises:
        grown = [Grown(_whole_row(traffic, whole), ("anonymous",))]
    suspects = natural_suspects(run, grown)
    ledger = Ledger(traffic.routes, (), traffic.lives, frozenset())
    return Report(
        schema=schema,
        name=run.name,
        started_at=run.started_at,
        leakhunt=run.leakhunt,
        duration=run.rounds[-1].ended if run.rounds else 0.0,
        plan=run.plan,
        conditions=run.conditions,
        judgement=judgement,
        routes=routes,
        suspects=suspects,
        hotspots=(),
        workers=worker_reports(run, ledger),
        series=chart_series(run),
        phases=phase_spans(run),
        evidence=_rounds(traffic),
        # Two looks at the heap do not tell how much of the growth is of whose making.
        explained=None,
        growth=_growth(traffic),
        warm_up_growth=None,
        caveats=(*run.caveats, Caveat("only-observed", f"{_NOTHING_SENT}, in which nothing was chosen")),
        cost=run.cost,
        next_command=proving_command(run, judgement, routes),
        outcome=run.outcome,
        memory=memory_reports(run),
    )


def _row(opinion: Opinion, thresholds: Thresholds) -> RouteReport:
    group, rate, basis = opinion.group, opinion.rate, opinion.basis
    row = _empty_row(group.routes, group.requests, opinion.verdict, opinion.reasons)
    growths = tuple(
        Growth(signal, each.per_request, each.interval, None) for signal, each in group.associations.items()
    )
    if rate is None or basis is None:
        return replace(row, growths=growths)
    floors = {"anonymous": thresholds.anonymous, "malloc": thresholds.live}
    return replace(
        row,
        growths=growths,
        bytes_per_request=rate.per_request,
        bytes_per_request_interval=rate.interval,
        bytes_per_request_basis=basis,
        minimum_detectable=max(floors[basis], rate.detectable),
    )


def _rare_row(traffic: Traffic) -> tuple[RouteReport, ...]:
    """Routes that got too few requests, in one row: where each request is a route of its own they may be hundreds."""
    if not traffic.rare or traffic.readings < LEAST_READINGS:
        return ()
    requests = sum(traffic.requests[route] for route in traffic.rare)
    reason = f"fewer than {LEAST_REQUESTS} requests of each, or less than of forty others: too few to tell anything by"
    row = _empty_row(traffic.rare, requests, Verdict.INCONCLUSIVE, (reason,))
    return (row if len(traffic.rare) == 1 else replace(row, route=_RARE.format(len(traffic.rare))),)


def _whole_row(traffic: Traffic, whole: Whole) -> RouteReport:
    """All traffic together, as if it were one route."""
    requests = sum(traffic.requests.values())
    row = _empty_row(traffic.routes, requests, Verdict.SUSPECTED, ())
    if not requests:
        return replace(row, route=ALL_TRAFFIC)
    low, high = (bound * whole.trend.seconds / requests for bound in (whole.trend.low, whole.trend.high))
    return replace(
        row,
        route=ALL_TRAFFIC,
        bytes_per_request=whole.trend.per_second * whole.trend.seconds / requests,
        bytes_per_request_interval=(low, high),
        bytes_per_request_basis="anonymous",
    )


def _empty_row(routes: tuple[str, ...], requests: int, verdict: Verdict, reasons: tuple[str, ...]) -> RouteReport:
    return RouteReport(
        route=" and ".join(routes),
        steps=routes,
        requests=requests,
        unexpected=0,
        statuses={},
        verdict=verdict,
        reasons=reasons,
        bytes_per_request=None,
        bytes_per_request_interval=None,
        bytes_per_request_basis=None,
        live_bytes_per_request=None,
        growths=(),
        peak_bytes_per_request=None,
        amplification=None,
        amplification_interval=None,
        minimum_detectable=None,
        median_duration=None,
        null_reasons=_null_reasons(reasons[0] if reasons else "no memory could be read in every interval"),
    )


def _null_reasons(missing: str) -> Mapping[str, str]:
    sent = dict.fromkeys(("peak_bytes_per_request", "amplification", "amplification_interval"), _NOTHING_SENT)
    unread = "bytes in use by Python's allocator cannot be read while the app goes on"
    memory = ("bytes_per_request", "bytes_per_request_interval", "bytes_per_request_basis", "minimum_detectable")
    return {
        **sent,
        "median_duration": _NOTHING_SENT,
        "live_bytes_per_request": unread,
        **dict.fromkeys(memory, missing),
    }


def _growth(traffic: Traffic) -> Bytes | None:
    if "anonymous" not in traffic.signals:
        return None
    return round(sum(row.growth["anonymous"] for row in traffic.rows))


def _rounds(traffic: Traffic) -> tuple[RoundRow, ...]:
    """Requests and growth from each reading to the next, all judged lives together."""
    found = []
    for index in sorted({row.round.index for row in traffic.rows}):
        rows = [row for row in traffic.rows if row.round.index == index]
        requests = sum(sum(row.doses.values()) for row in rows)
        known = all("anonymous" in row.growth for row in rows)
        growth = sum(row.growth["anonymous"] for row in rows) if known else None
        per_request = growth / requests if growth is not None and requests else None
        found.append(RoundRow(index, Phase.NATURAL, None, requests, growth, per_request))
    return tuple(found)
