"""What the native sampler costs a loop that does nothing but allocate, beside tracemalloc, and bare again.

Usage: `python tests/benchmarks/sampler_cost.py [--pairs N] [--loop NAME]`. Each pair is a process of its own on one
core, which runs the loop under 30 frames in every phase, in an order that changes from pair to pair: bare, bare once
more as the control, sampled, and traced. What is compared is the processor time of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from leakhunt.agent import _sampler

PAIRS = 31
DEPTH = 30
ROUNDS = 60
"""With these a loop takes some 50 ms when bare."""


def freed() -> None:
    """Blocks that are freed at once."""
    for number in range(10_000):
        bytes(number & 255)


def kept() -> None:
    """Small containers that live until all are there."""
    rows = [{"number": number, "pair": (number, str(number))} for number in range(4_000)]
    rows.clear()


LOOPS: dict[str, Callable[[], None]] = {"freed": freed, "kept": kept}


def nothing() -> None:
    """Without any of it."""


Phase = tuple[Callable[[], object], Callable[[], object]]
PHASES: dict[str, Phase] = {
    "bare": (nothing, nothing),
    "bare (control)": (nothing, nothing),
    "sampler, every 512 KiB": (lambda: _sampler.start(512 * 1024), _sampler.stop),
    "sampler, every 64 KiB": (lambda: _sampler.start(64 * 1024), _sampler.stop),
    "sampler, every 4 KiB": (lambda: _sampler.start(4 * 1024), _sampler.stop),
    "tracemalloc, 1 frame": (lambda: tracemalloc.start(1), tracemalloc.stop),
    "tracemalloc, 10 frames": (lambda: tracemalloc.start(10), tracemalloc.stop),
    "tracemalloc, 25 frames": (lambda: tracemalloc.start(25), tracemalloc.stop),
}


def main() -> None:
    """Print a Markdown table with one row for each phase of each loop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--loop", choices=LOOPS, action="append")
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.seed is not None:
        print(json.dumps(measure(LOOPS[given.loop[0]], given.seed)))
        return
    print("| loop | | processor time | ratio to bare (95 % interval) |")
    print("|---|---|---|---|", flush=True)
    for name in given.loop or LOOPS:
        pairs = [pair(name, seed) for seed in range(given.pairs)]
        for phase in list(PHASES)[1:]:
            ratios = [times[phase] / times["bare"] for times in pairs]
            took = median(times[phase] for times in pairs)
            print(f"| {LOOPS[name].__doc__} | {phase} | {took * 1e3:.0f} ms | {with_interval(ratios)} |", flush=True)


def pair(name: str, seed: int) -> Mapping[str, float]:
    """Seconds of processor time of each phase, measured in a process of its own."""
    command = [sys.executable, str(Path(__file__)), "--loop", name, "--seed", str(seed)]
    times: Mapping[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return times


def measure(loop: Callable[[], None], seed: int) -> Mapping[str, float]:
    """Run every phase once, in the lottery's order."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    order = list(PHASES)
    random.Random(seed).shuffle(order)
    under_frames(loop, DEPTH, 5)
    times = {}
    for phase in order:
        begin, end = PHASES[phase]
        begin()
        started = time.process_time()
        under_frames(loop, DEPTH, ROUNDS)
        times[phase] = time.process_time() - started
        end()
    return times


def under_frames(loop: Callable[[], None], depth: int, rounds: int) -> None:
    """Run the loop so often, that deep down."""
    if depth:
        under_frames(loop, depth - 1, rounds)
        return
    for _ in range(rounds):
        loop()


def with_interval(ratios: list[float]) -> str:
    """Median, and its interval by order statistics, whose ranks are n/2 -+ 0.98 sqrt(n) for 95 %."""
    ranked, reach = sorted(ratios), round(0.98 * len(ratios) ** 0.5)
    low, high = ranked[max(0, len(ranked) // 2 - reach)], ranked[min(len(ranked) - 1, len(ranked) // 2 + reach)]
    return f"{median(ranked):.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
