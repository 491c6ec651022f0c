"""Whether growth needs distinct inputs: what a route keeps when every request has the same names and contents."""

from __future__ import annotations

from typing import Final

from leakhunt.analysis.blocks import memory_signal
from leakhunt.analysis.series import Ledger
from leakhunt.model.report import RouteReport, Verdict
from leakhunt.model.run import Phase
from leakhunt.units import format_size

_MUCH_LESS: Final = 0.2
"""Share of the growth with distinct inputs below which repeated inputs keep next to nothing."""
_SUSPICIOUS: Final = 4096.0
"""Bytes per request that a clean route may keep over a handful of requests without a word: noise reaches 1 KiB."""


def repeated_rate(ledger: Ledger, route: str) -> float | None:
    """Bytes kept per request with repeated inputs; None where no such round had the route alone.

    The first request of each route is left out: it fills whatever is kept once per input.
    """
    rows = [row for row in ledger.of_phase(Phase.REPEATED) if row.doses.get(route) == row.requests > 1]
    signal = memory_signal(rows)
    if signal is None:
        return None
    return sum(row.growth[signal] for row in rows) / sum(row.requests for row in rows)


def compare_inputs(ledger: Ledger, report: RouteReport) -> str | None:
    """What the repeated inputs add to the reasons of a route, if they add anything."""
    repeated, distinct = repeated_rate(ledger, report.route), report.bytes_per_request
    if repeated is None:
        return None
    kept = f"{format_size(max(0.0, repeated))} per request with repeated ones"
    if report.verdict is Verdict.LEAK and distinct is not None and distinct > 0:
        if repeated < _MUCH_LESS * distinct:
            return f"grows with distinct inputs: {format_size(distinct)} per request with them, {kept}"
        return f"does not need distinct inputs: it keeps {kept}"
    if report.verdict is Verdict.CLEAN and repeated >= _SUSPICIOUS:
        return f'keeps {kept}, over few requests; run the workload with inputs = "repeated" to test that'
    return None
