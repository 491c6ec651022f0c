"""The evidence table and the totals: requests in, bytes kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from leakhunt.analysis.series import JUDGED_PHASES, Ledger, RoundGrowth
from leakhunt.model.report import RoundRow
from leakhunt.model.run import Phase
from leakhunt.units import Bytes

_SHOWN: Final = (Phase.WARM_UP, Phase.BASELINE, *JUDGED_PHASES, Phase.SETTLE)


def evidence_rows(ledger: Ledger, signal: str | None) -> tuple[RoundRow, ...]:
    """One line per round up to the last settle; explain rounds are left out, tracing inflates them."""
    return tuple(_row(row, signal) for row in ledger.of_phase(*_SHOWN))


def total_growth(rows: Sequence[RoundGrowth], signal: str | None) -> Bytes | None:
    """Growth over these rounds; None where there are none that were measured."""
    values = [row.growth[signal] for row in rows if signal is not None and signal in row.growth]
    return round(sum(values)) if values else None


def _row(row: RoundGrowth, signal: str | None) -> RoundRow:
    growth = row.growth.get(signal) if signal is not None else None
    per_request = growth / row.requests if growth is not None and row.requests else None
    return RoundRow(row.index, row.phase, row.block, row.requests, growth, per_request)
