"""How often the trend of a watched process misses the true growth, beside a straight line; simulated.

    python tests/benchmarks/trend.py [TRIALS]

Series of 120 readings, and of the 40 from which a trend is told; the table in docs/reference/watch.md is from here.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent)]

from builders import arena_steps, autoregressive, random_walk, white  # noqa: E402  # lies beside this directory
from leakhunt.analysis.trend import WANTED  # noqa: E402
from unit.analysis.test_trend import MIB, share_missed, straight_line_misses  # noqa: E402

LEVELS = {
    "jitter around a constant": (white(MIB), 0.0),
    "remembers 95 % of its last deviation": (autoregressive(MIB, 0.95), 0.0),
    "random walk": (random_walk(MIB), 0.0),
    "steps, as arenas make them": (arena_steps(MIB, 0.15), 0.15 * MIB),
}


def main() -> None:
    """Print the table."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    print(f"{trials} series each; share of intervals at 99 % that miss the true growth\n")
    print(f"{'level':38} {'straight line':>14} {'leakhunt':>9} {f'after {WANTED}':>9}")
    for name, (noise, true) in LEVELS.items():
        line = straight_line_misses(noise, true, 120, trials)
        ours, early = (share_missed(noise, true, count, trials) for count in (120, WANTED))
        print(f"{name:38} {line:>14.1%} {ours:>9.1%} {early:>9.1%}")


if __name__ == "__main__":
    main()
