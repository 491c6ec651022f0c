"""How long `leakhunt --help` takes, beside importing click alone: interleaved pairs, each a fresh process."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

PAIRS = 30
LIMIT = 2.2


def main() -> None:
    """Print the ratio as a row of a Markdown table."""
    help_command = [sys.executable, "-m", "leakhunt", "--help"]
    click_command = [sys.executable, "-c", "import click"]
    for command in (help_command, click_command):
        _time(command)  # warms the disk cache
    pairs = [(_time(help_command), _time(click_command)) for _ in range(PAIRS)]
    ratios = sorted(first / second for first, second in pairs)
    ours, clicks = (median(times) * 1000 for times in zip(*pairs, strict=True))
    print("| `leakhunt --help` | `python -c 'import click'` | ratio, median | ratio, middle half |")
    print("|---|---|---|---|")
    print(
        f"| {ours:.0f} ms | {clicks:.0f} ms "
        f"| {median(ratios):.2f} (limit {LIMIT}) | {ratios[PAIRS // 4]:.2f} to {ratios[-PAIRS // 4]:.2f} |"
    )


def _time(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
