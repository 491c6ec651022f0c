"""Pympler: `SummaryTracker`, which lists how many objects of each type came, and their size.

Its documentation ("The tracker module", https://pympler.readthedocs.io/en/latest/muppy.html) calls `print_diff()`
again and again: "if you don't do anything, nothing will change", so what is listed has appeared in between. It leaves
the verdict to the reader. Read in the most favourable way: one `diff()` after the warm-up that is thrown away, one
after each half of the requests, and LEAK where a type grew in both by at least the budget of 64 B for each request.
The tracker always collects garbage first; nothing can switch that off.
"""

from __future__ import annotations

import re
from typing import Any

from leakbench.peers.inside.load import Load
from leakbench.peers.inside.rows import BUDGET, Plan, Row, steady

TITLE = "Pympler tracker"
REQUIREMENTS: tuple[str, ...] = ("pympler==1.1",)
OLDEST = (3, 8)
WINDOWS = 2


def observe(load: Load, plan: Plan) -> list[Row]:
    """Growth of each type, in bytes without what its objects refer to, as the tracker counts them."""
    import pympler.tracker

    tracker = _untyped(pympler.tracker).SummaryTracker()
    types: dict[str, list[float]] = {}
    load.run(plan.warm_up)
    tracker.diff()
    for window in range(WINDOWS):
        load.run(plan.requests // WINDOWS)
        for shown, _, size in tracker.diff():
            types.setdefault(type_name(shown), [0.0] * WINDOWS)[window] += float(size)
    return [Row(tuple(growth), type=name) for name, growth in types.items()]


def type_name(shown: str) -> str:
    """The type in what the tracker shows: `<class 'app.Record'`, `dict`, `function (application)`."""
    found = re.match(r"<class '([^']+)", shown)
    return found.group(1) if found else shown.partition(" ")[0]


def accuse(rows: list[Row], plan: Plan) -> list[Row]:
    """The types that grew by the budget in both halves."""
    return steady(rows, BUDGET * (plan.requests // WINDOWS))


def _untyped(module: Any) -> Any:
    return module
