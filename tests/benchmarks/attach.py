"""How long an app is stopped for attaching, and how long it takes from the command to the agent's hello."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import find_attachable
from leakhunt.targets.hub import AgentHub
from leakhunt.targets.inject.attach import Attached, attach
from live_target import STATES, live_target

TIMES = 20


def main() -> None:
    """Print a Markdown table with one row per Python and state of the main thread."""
    print("| Python | main thread | attached | how | stopped ms, median (max) | to the hello ms, median (max) |")
    print("|---|---|---|---|---|---|")
    for version, python in find_attachable().items():
        for doing in STATES:
            attached = _attach(python, doing)
            how = ", ".join(sorted({each.method for each in attached}))
            stopped = _milliseconds([each.stopped for each in attached])
            duration = _milliseconds([each.duration for each in attached])
            print(f"| {version} | {doing} | {len(attached)}/{TIMES} | {how} | {stopped} | {duration} |", flush=True)


def _attach(python: Path, doing: str) -> list[Attached]:
    """What came of attaching and detaching, time after time, to one process, which has to live on."""
    attached = []
    with tempfile.TemporaryDirectory(prefix="leakhunt-bench-") as directory, AgentHub(Path(directory) / "s") as hub:
        place = Path(directory) / "place"
        place.mkdir()
        with live_target(python, doing, directory=place) as target:
            for _ in range(TIMES):
                attached.append(attach(target.pid, hub, timeout=30))
                attached[-1].link.detach()
            _, _, problems = target.end()
    if problems:
        raise SystemExit(f"{python}, {doing}: {problems}")
    return attached


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{median(seconds) * 1e3:.1f} ({max(seconds) * 1e3:.1f})"


if __name__ == "__main__":
    main()
