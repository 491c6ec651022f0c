"""Whether anything is lost when leakhunt comes and goes a thousand times, or is killed at any moment.

`attach_losses.py visits N` attaches and detaches; `kills N` kills the controller at random moments, and attaches again;
`window N` kills it together with the helper that has a thread stopped. The app is a gunicorn worker that allocates in
one thread, checks what it has allocated, and answers two clients in another. Whatever goes wrong is printed, and is
the exit code. `--append FILE` keeps one JSON line per trial.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from attach_trials import Visit, kill_controller, kill_helper, visit
from busy_worker import BusyWorker, busy_worker
from leakhunt.targets.hub import AgentHub

SETTLED = 2
"""Visits after which the interpreter has made what it keeps for good."""


def main() -> None:
    """Run the trials, then print their figures and the losses."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("visits", "kills", "window"))
    parser.add_argument("times", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--append", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leakhunt-losses-") as name:
        place = Path(name)
        with busy_worker(place) as worker, AgentHub(place / "s") as hub:
            lost = run(worker, hub, place, options)
    if lost:
        raise SystemExit(1)


def run(worker: BusyWorker, hub: AgentHub, place: Path, options: argparse.Namespace) -> list[str]:
    """Do what was asked for, and print what came of it."""
    chance = random.Random(options.seed)
    kill = {"kills": kill_controller, "window": kill_helper}.get(options.what)
    moments: collections.Counter[str] = collections.Counter()
    visits: list[Visit] = []
    for _ in range(SETTLED):
        visit(worker, hub, worker.state())
    count, resident, before, began = worker.count(), worker.resident(), worker.state(), time.monotonic()
    for number in range(options.times):
        if kill is None:
            visits.append(visit(worker, hub, before))
        else:
            moment, later = kill(worker, place, hub, chance)
            moments[moment] += 1
            visits.append(later)
        if options.append is not None:
            with options.append.open("a") as file:
                file.write(json.dumps({"what": options.what, "number": number, **vars(visits[-1])}) + "\n")
        if visits[-1].wrong:
            print(number, visits[-1].wrong, flush=True)
    lost = [each for done in visits for each in done.wrong]
    print(f"{len(visits)} {options.what} in {time.monotonic() - began:.0f} s, {len(lost)} losses")
    for moment, times in moments.items():
        print(f"killed {moment}: {times}")
    print(f"requests: {len(worker.traffic.done)} answered, {len(worker.traffic.failures)} failed")
    print(f"stopped: {_milliseconds([each.stopped for each in visits])}")
    print(f"to the hello: {_milliseconds([each.duration for each in visits])}")
    print(f"objects and blocks in the app: {count} before, {worker.count()} after")
    print(f"resident: {resident >> 10} KiB before, {worker.resident() >> 10} KiB after")
    return lost


def _milliseconds(seconds: list[float]) -> str:
    return f"{median(seconds) * 1e3:.1f} ms, at most {max(seconds) * 1e3:.1f} ms"


if __name__ == "__main__":
    main()
