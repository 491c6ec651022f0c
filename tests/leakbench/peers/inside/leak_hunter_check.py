"""python-leak-hunter: `leak-hunter check --trace`, which has a verdict of its own.

A type that gained at least half an object per call in two equal windows after a warm-up is leaked, and the exit code
is 1 (its README, "What accumulates?", https://pypi.org/project/python-leak-hunter/). The options keep their defaults
but for the numbers of calls: with the documented 30 it takes every cache that is still filling for a leak, so it gets
all the requests. The culprit is its own `suspect`, with the holder that `leak-hunter why` names, as its output
recommends next, and the first of its allocation sites. It always collects garbage first; nothing can switch that off.
"""

from __future__ import annotations

import re
from typing import Any

from leakbench.peers.inside.load import Load
from leakbench.peers.inside.place import place
from leakbench.peers.inside.rows import Plan, Row

TITLE = "python-leak-hunter"
REQUIREMENTS: tuple[str, ...] = ("python-leak-hunter==0.1.1",)
OLDEST = (3, 10)
WINDOWS = 2


def observe(load: Load, plan: Plan) -> list[Row]:
    """The types that it reports, in objects, the one it suspects first."""
    import leak_hunter

    report = leak_hunter.measure_growth(
        lambda: load.run(1), iterations=plan.requests // WINDOWS, warmup=plan.warm_up, trace_allocations=True
    )
    if not report.leaked:
        return []
    site, library = None, None
    if report.allocations:
        file, _, line = report.allocations[0].location.rpartition(":")
        site, library = place(file if file.startswith("/") else f"{load.app}/{file}", int(line), None, load.app)
    why = leak_hunter.why_alive(report.suspect)
    suspect = next(each for each in report.growing if each.type_name == report.suspect)
    others = [each for each in report.growing if each is not suspect]
    path = holder(why.paths[0][0].root, why.paths[0][0].steps) if why.paths else None
    first = Row(_growth(suspect), type=suspect.type_name, site=site, library=library, path=path)
    return [first, *(Row(_growth(each), type=each.type_name) for each in others)]


def _growth(found: Any) -> tuple[float, float]:
    return float(found.first_window), float(found.second_window)


def holder(root: str, steps: tuple[str, ...] = ()) -> str | None:
    """`app._SEEN` for `module app, global '_SEEN'`; an attribute of a class or an instance is added."""
    found = re.fullmatch(r"module (\S+), global '?([^']*)'?", root)
    if found is None:
        return None
    attribute = re.match(r"[\w ]+?\S*\.(\w+)$", steps[0]) if steps else None
    return ".".join([*found.groups(), *([attribute.group(1)] if attribute else [])])


def accuse(rows: list[Row], plan: Plan) -> list[Row]:
    """All that it reports."""
    return rows
