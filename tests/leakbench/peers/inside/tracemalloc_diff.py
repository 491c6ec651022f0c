"""`tracemalloc`: snapshots compared line by line.

The documentation of the standard library shows two snapshots, `compare_to(..., "lineno")` and the top of the list
("Compute the differences": "two snapshots to detect memory leaks"), with the importlib's frozen modules and
`<unknown>` filtered out ("Pretty top"): https://docs.python.org/3/library/tracemalloc.html. It leaves the verdict to
the reader. Read in the most favourable way: the first snapshot after the warm-up, and LEAK where a line grew in both
halves of the requests, each time by at least the budget of 64 B for each request. Growth in one half only is a cache.
"""

from __future__ import annotations

import tracemalloc

from leakbench.peers.inside.load import Load
from leakbench.peers.inside.place import place
from leakbench.peers.inside.rows import BUDGET, Plan, Row, steady

TITLE = "tracemalloc diff"
REQUIREMENTS: tuple[str, ...] = ()
OLDEST = (3, 8)
WINDOWS = 2
_SHOWN = 10
"""Lines that the documentation's examples print."""


def observe(load: Load, plan: Plan) -> list[Row]:
    """Growth of the lines that grew most, in bytes."""
    tracemalloc.start()
    load.run(plan.warm_up)
    snapshots = [_snapshot(load)]
    for _ in range(WINDOWS):
        load.run(plan.requests // WINDOWS)
        snapshots.append(_snapshot(load))
    tracemalloc.stop()
    lines: dict[tuple[str, int], list[float]] = {}
    for window, (before, after) in enumerate(zip(snapshots, snapshots[1:])):
        for stat in after.compare_to(before, "lineno"):
            frame = stat.traceback[0]
            growth = lines.setdefault((frame.filename, frame.lineno), [0.0] * WINDOWS)
            growth[window] = float(stat.size_diff)
    most = sorted(lines.items(), key=lambda item: sum(item[1]), reverse=True)[:_SHOWN]
    rows = []
    for (file, line), growth in most:
        site, library = place(file, line, None, load.app)
        rows.append(Row(tuple(growth), site=site, library=library))
    return rows


def _snapshot(load: Load) -> tracemalloc.Snapshot:
    load.collect()
    snapshot = tracemalloc.take_snapshot()
    hidden = (
        "<frozen importlib._bootstrap>",
        "<frozen importlib._bootstrap_external>",
        "<unknown>",
        tracemalloc.__file__,
    )
    return snapshot.filter_traces([tracemalloc.Filter(False, file) for file in hidden])


def accuse(rows: list[Row], plan: Plan) -> list[Row]:
    """The lines that grew by the budget in both halves."""
    return steady(rows, BUDGET * (plan.requests // WINDOWS))
