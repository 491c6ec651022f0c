"""objgraph: which types have more objects than ever before.

`growth()` returns the types whose count exceeds the highest seen before. Its documentation ("Memory leak example",
https://mg.pov.lt/objgraph/) calls `show_growth()` once before the code in question and once after it, and takes what
is listed then for leaked. That alone would accuse every cache, so the rule is the stricter one of common practice,
and more favourable: five calls after the warm-up, each after a fifth of the requests, and LEAK where one type is in
all five lists. All types are asked for, not the first ten. `growth()` always collects garbage first; nothing can
switch that off.
"""

from __future__ import annotations

from leakbench.peers.inside.load import Load
from leakbench.peers.inside.rows import Plan, Row, steady

TITLE = "objgraph.growth"
REQUIREMENTS: tuple[str, ...] = ("objgraph==3.6.2",)
OLDEST = (3, 8)
WINDOWS = 5


def observe(load: Load, plan: Plan) -> list[Row]:
    """Growth of each type, in objects."""
    import objgraph

    peaks: dict[str, int] = {}
    types: dict[str, list[float]] = {}
    load.run(plan.warm_up)
    objgraph.growth(limit=None, peak_stats=peaks, shortnames=False)
    for window in range(WINDOWS):
        load.run(plan.requests // WINDOWS)
        for name, _, more in objgraph.growth(limit=None, peak_stats=peaks, shortnames=False):
            types.setdefault(name, [0.0] * WINDOWS)[window] = float(more)
    return [Row(tuple(growth), type=without_builtins(name)) for name, growth in types.items()]


def without_builtins(name: str) -> str:
    """`dict` for `builtins.dict`."""
    return name[len("builtins.") :] if name.startswith("builtins.") else name


def accuse(rows: list[Row], plan: Plan) -> list[Row]:
    """The types that are in all five lists."""
    return steady(rows, 1)
