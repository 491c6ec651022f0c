"""Whether growth needs distinct inputs: what a route keeps with names and contents of the other sort.

That is the same ones in every request, or distinct ones where the workload itself asks for the same.
"""

from __future__ import annotations

from typing import Final

from leakhunt.analysis.blocks import memory_signal
from leakhunt.analysis.series import Ledger
from leakhunt.model.report import RouteReport, Verdict
from leakhunt.model.run import Phase, Run
from leakhunt.units import format_size

_MUCH_LESS: Final = 0.2
"""Share of the growth in the verdict rounds below which the other inputs keep next to nothing."""
_SUSPICIOUS: Final = 4096.0
"""Bytes per request that a clean route may keep over a handful of requests without a word: noise reaches 1 KiB."""


def verdict_inputs(run: Run) -> str:
    """`distinct` or `repeated`: what the verdict rounds were sent with."""
    return next((round_.inputs for round_ in run.rounds if round_.phase is Phase.DOSE), "distinct")


def other_rate(ledger: Ledger, route: str) -> float | None:
    """Bytes kept per request with the other inputs; None where no such round had the route alone.

    The first request of each route is left out: it fills whatever is kept once per input.
    """
    rows = [row for row in ledger.of_phase(Phase.REPEATED) if row.doses.get(route) == row.requests > 1]
    signal = memory_signal(rows)
    if signal is None:
        return None
    return sum(row.growth[signal] for row in rows) / sum(row.requests for row in rows)


def compare_inputs(ledger: Ledger, report: RouteReport, inputs: str) -> str | None:
    """What the other inputs add to the reasons of a route judged by `inputs`, if they add anything."""
    rate, judged = other_rate(ledger, report.route), report.bytes_per_request
    if rate is None:
        return None
    other = "repeated" if inputs == "distinct" else "distinct"
    kept = f"{format_size(max(0.0, rate))} per request with {other} ones"
    if report.verdict is Verdict.LEAK and judged is not None and judged > 0:
        if rate < _MUCH_LESS * judged:
            return f"grows with {inputs} inputs: {format_size(judged)} per request with them, {kept}"
        return f"does not need {inputs} inputs: it keeps {kept}"
    if report.verdict is Verdict.CLEAN and rate >= _SUSPICIOUS:
        return f'keeps {kept}, over few requests; run the workload with inputs = "{other}" to test that'
    return None
