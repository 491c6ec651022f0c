"""The blocks of the dose experiment: which are complete, and what each one says about a route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from leakhunt.analysis.dose import Lottery, Slope
from leakhunt.analysis.error_rate import hit_level
from leakhunt.analysis.series import Ledger, RoundGrowth
from leakhunt.analysis.thresholds import RESOURCE_SIGNALS, SIGNALS, Thresholds


@dataclass(frozen=True)
class Experiment:
    """All complete blocks of a run, each judged on its own so that earlier ones are the warm-up of later ones."""

    ledger: Ledger
    blocks: tuple[Lottery, ...]
    """Each with the routes that got requests in it: settled ones are left out of later blocks."""
    thresholds: Thresholds

    @cached_property
    def routes(self) -> tuple[str, ...]:
        """Routes that got requests in any block."""
        return tuple(dict.fromkeys(route for block in self.blocks for route in block.routes))

    def numbers(self, route: str) -> tuple[int, ...]:
        """Positions of the blocks in which a route got requests."""
        return tuple(number for number, block in enumerate(self.blocks) if route in block.routes)

    def window(self, route: str) -> Lottery:
        """The last two blocks of a route, but for a lone step: what sizes and intervals are taken from."""
        window = self.join(self.numbers(route)[-2:])
        signal = memory_signal(window.rows)
        return window if signal is None else window.without(self.lone_step(signal))

    @cached_property
    def _joined(self) -> dict[tuple[int, ...], Lottery]:
        return {}

    def join(self, numbers: tuple[int, ...]) -> Lottery:
        """Several blocks taken together."""
        if len(numbers) == 1:
            return self.blocks[numbers[0]]
        if numbers not in self._joined:
            blocks = [self.blocks[number] for number in numbers]
            routes = dict.fromkeys(route for block in blocks for route in block.routes)
            rows = tuple(row for block in blocks for row in block.rows)
            self._joined[numbers] = Lottery(tuple(routes), rows, len(self.ledger.routes))
        return self._joined[numbers]

    def lone_step(self, signal: str) -> RoundGrowth | None:
        """The one round of all whose growth dwarfs every other round's, if there is one.

        An interpreter's table that doubles, or an arena that is opened, is such a step. What a route keeps with its
        requests comes back with the next ones: growth that came once over several blocks is none of its.
        """
        rows = [row for block in self.blocks for row in block.rows if signal in row.growth]
        if len(rows) < self.thresholds.step_rounds:
            return None
        *others, largest = sorted(rows, key=lambda row: abs(row.growth[signal]))
        dwarfed = self.thresholds.step_factor * abs(others[-1].growth[signal])
        return largest if abs(largest.growth[signal]) > max(dwarfed, self.thresholds.of(signal)) else None

    def slopes(self, block: Lottery, route: str) -> Mapping[str, Slope]:
        """Every signal's slope in one block, tested where it reaches the budget; a signal not read is absent."""
        found = {}
        for signal in SIGNALS:
            slope = block.slope(route, signal, test_above=self.thresholds.of(signal))
            if slope is not None:
                found[signal] = slope
        return found

    def hits(self, slopes: Mapping[str, Slope]) -> frozenset[str]:
        """The signals of one block that prove growth of at least their budget.

        Blocks move without noise where containers are resized, live bytes do not: growth of blocks counts
        when the bytes agree in size, though their own test may have failed.
        """
        return frozenset(
            signal
            for signal, slope in slopes.items()
            if slope.per_request >= self.thresholds.of(signal)
            and self._proven(slope)
            and (signal != "blocks" or self._bytes_agree(slopes))
        )

    def _proven(self, slope: Slope) -> bool:
        bar = hit_level(len(self.ledger.routes))
        # A dose that came out equal twice costs half the orders, and no more than that is forgiven.
        bar = max(bar, min(slope.attainable, 2 * bar)) * (1 + 1e-9)
        return slope.p_value is not None and slope.p_value.own <= bar

    def _bytes_agree(self, slopes: Mapping[str, Slope]) -> bool:
        for signal in ("live", "anonymous"):
            if signal in slopes:
                return slopes[signal].per_request >= self.thresholds.of(signal)
        return False


def read_experiment(ledger: Ledger, thresholds: Thresholds) -> Experiment:
    """The complete blocks of a run. A block that was cut short proves nothing and is left out."""
    lotteries = [_lottery(ledger, rows, thresholds) for rows in ledger.blocks()]
    complete = (lottery for lottery in lotteries if len(lottery.rows) >= rounds_needed(len(lottery.routes), thresholds))
    return Experiment(ledger, tuple(complete), thresholds)


def _lottery(ledger: Ledger, rows: tuple[RoundGrowth, ...], thresholds: Thresholds) -> Lottery:
    """A block, without the rounds in which all workers had just been replaced, if enough are left."""
    routes = tuple(route for route in ledger.routes if any(row.doses.get(route) for row in rows))
    steady = tuple(row for row in rows if not row.young)
    enough = len(steady) >= rounds_needed(len(routes), thresholds)
    return Lottery(routes, steady if enough else rows, len(ledger.routes))


def rounds_needed(routes: int, thresholds: Thresholds) -> int:
    """Rounds from which a block is complete: enough for the test, and two more than there are unknowns to spare."""
    return max(thresholds.minimum_rounds, routes + 2)


def resource_signals(slopes: Mapping[str, Slope]) -> Mapping[str, Slope]:
    """The slopes of threads, descriptors and temporary files."""
    return {signal: slope for signal, slope in slopes.items() if signal in RESOURCE_SIGNALS}


def memory_signal(rows: Sequence[RoundGrowth]) -> str | None:
    """The signal that equivalence is claimed on: live bytes where they were read, else anonymous memory."""
    for signal in ("live", "anonymous"):
        if rows and all(signal in row.growth for row in rows):
            return signal
    return None
