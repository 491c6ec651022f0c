"""Measures the truth about a side: what every call of its app leaves behind, without leakhunt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakbench.case import Case, Side
from leakbench.environments import environment

_DRIVER: Final = Path(__file__).with_name("driver.py")
_TAIL: Final = 0.6
"""Share of the calls whose slope counts: what is left after warm-up."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Slopes of the tail."""

    case: str
    side: str
    calls: int
    slopes: Mapping[str, float]
    """Per call: bytes, or as many blocks, threads, descriptors and temporary files."""
    risen: int
    """Bytes of RSS gained from the first reading to the last."""

    def line(self) -> str:
        """For whoever writes case.toml."""
        slopes = "  ".join(f"{name} {slope:+.3f}" for name, slope in self.slopes.items())
        return f"{self.case} ({self.side}), {self.calls} calls: {slopes}  rss {self.risen / 1e6:+.2f} MB in all"


def measure(case: Case, side: Side, *, calls: int, python: Path | None = None) -> Truth:
    """Call the app in a process of its own.

    Raises:
        NoEnvironmentError: the side cannot run on this machine.
        subprocess.CalledProcessError: the app failed.
    """
    interpreter = python or environment(case, side, say=lambda text: print(text, file=sys.stderr)).python
    requests = [part for request in case.requests for part in ("--request", request)]
    with tempfile.TemporaryDirectory(prefix="leakbench-") as scratch:
        done = subprocess.run(
            [str(interpreter), str(_DRIVER), "--calls", str(calls), *requests],
            cwd=case.directory,
            env={**os.environ, **side.env, "TMPDIR": scratch, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    readings = json.loads(done.stdout.splitlines()[-1])
    return Truth(case.name, side.name, calls, slopes(readings), readings[-1]["rss"] - readings[0]["rss"])


def slopes(readings: list[dict[str, int]]) -> dict[str, float]:
    """Least squares over the last readings, per call."""
    tail = readings[-round(_TAIL * len(readings)) :]
    calls = [each["calls"] for each in tail]
    mean = sum(calls) / len(calls)
    spread = sum((x - mean) ** 2 for x in calls)
    return {
        name: sum((x - mean) * each[name] for x, each in zip(calls, tail, strict=True)) / spread
        for name in tail[0]
        if name != "calls"
    }
