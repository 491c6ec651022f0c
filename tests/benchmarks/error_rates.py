"""False alarms, false all-clears and power of the verdict, over thousands of simulated runs.

    python tests/benchmarks/error_rates.py [RUNS]

Six routes, six series that move together. Prints, for each kind of noise: runs called LEAK in which nothing leaks, with
the upper 95 % bound of the rate; the same for a trend test (least squares at 99 %, any series); leaks of 100 B to 10 KB
per request that are found within two and three blocks; and how often a leak of just the budget is bounded below it.
"""

from __future__ import annotations

import sys
from math import sqrt
from pathlib import Path

from leakhunt.analysis.judge import judge_route
from leakhunt.analysis.thresholds import DEFAULTS

sys.path[:0] = [str(Path(__file__).parent.parent)]

from simulation import KINDS, ROUTES, simulate  # noqa: E402  # lies beside this directory
from unit.analysis.test_false_alarms import rises  # noqa: E402

NOISE = 40_000.0
QUIET = 4_000.0
LEAKS = (100, 300, 1_000, 10_000)


def main() -> None:
    """Print the tables."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    print(f"{runs} runs of each kind, {len(ROUTES)} routes x 6 series, noise {NOISE:.0f} B per round\n")
    print(f"{'noise':16} {'LEAK, 2 blocks':>15} {'3 blocks':>9} {'at most':>8} {'trend test':>11}")
    for name, kind in KINDS.items():
        alarms = [
            sum(
                any(judge_route(run.experiment, route).state == "leak" for route in ROUTES)
                for seed in range(runs)
                for run in [simulate(kind(NOISE), seed, blocks=blocks)]
            )
            for blocks in (2, 3)
        ]
        trend = sum(any(map(rises, simulate(kind(NOISE), seed).levels.values())) for seed in range(runs))
        most = max(upper_95(count, runs) for count in alarms)
        print(f"{name:16} {alarms[0]:>15} {alarms[1]:>9} {most:>8.2%} {trend / runs:>11.0%}")
    print(f"\nnoise {QUIET:.0f} B per round: share of leaks found, and of leaks of the budget called clean\n")
    heads = "".join(f"{f'{leak} B, {blocks} blocks':>18}" for leak in LEAKS for blocks in (2, 3))
    print(f"{'noise':16}{heads}{'budget clean':>14}")
    few = max(40, runs // 4)
    for name, kind in KINDS.items():
        found = [
            sum(
                judge_route(simulate(kind(QUIET), seed, leak=leak, blocks=blocks).experiment, "a").state == "leak"
                for seed in range(few)
            )
            for leak in LEAKS
            for blocks in (2, 3)
        ]
        budget = DEFAULTS.live * 1.01
        judged = [judge_route(simulate(kind(QUIET), seed, leak=budget).experiment, "a") for seed in range(few)]
        wrong = sum(each.bound is not None and each.bound.upper < budget for each in judged)
        print(f"{name:16}" + "".join(f"{count / few:>18.0%}" for count in found) + f"{wrong / few:>14.1%}")


def upper_95(count: int, runs: int) -> float:
    """Upper end of the two-sided Wilson interval (Wilson 1927)."""
    z, rate = 1.96, count / runs
    centre = rate + z * z / (2 * runs)
    return (centre + z * sqrt(rate * (1 - rate) / runs + z * z / (4 * runs * runs))) / (1 + z * z / runs)


if __name__ == "__main__":
    main()
