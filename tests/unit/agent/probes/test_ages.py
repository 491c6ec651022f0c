"""Entries made before and after most of the heap are told apart by the collector's lists."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from unit.agent.probes.inside import each_interpreter, run_inside

PROGRAM: Final = """
from leakhunt.agent.probes.ages import ages
shop = sys.modules["shop"] = types.ModuleType("shop")
class Order:
    def __init__(self, number): self.lines = [number]
shop.OLD = [Order(number) for number in range(5_000)]
gc.collect()
shop.BETWEEN = [[[number]] for number in range(30_000)]
gc.collect()
shop.NEW = {number: Order(number) for number in range(5_000)}
for _ in range(3):
    gc.collect()
shop.PLAIN = {"order-%d" % number: b"%d" % number for number in range(500)}
shop.OBJECT = Order(1)
print(json.dumps(ages(given, scene())))
"""


def holder(name: str, kind: str) -> dict[str, Any]:
    return {"path": f"shop.{name}", "chain": [("shop", "module"), (f".{name}", kind)]}


HOLDERS: Final = [holder("OLD", "list"), holder("NEW", "dict"), holder("PLAIN", "dict"), holder("GONE", "list")]


@each_interpreter
def test_entries_are_told_by_the_half_of_the_heap_they_are_in(python: Path) -> None:
    old, new, plain, gone = run_inside(python, PROGRAM, HOLDERS)
    assert (old["path"], new["path"]) == ("shop.OLD", "shop.NEW")
    assert (old["dated"], new["dated"]) == (5_000, 5_000)
    assert old["newer"] < 0.1 * 5_000  # collections may move some
    assert new["newer"] > 0.9 * 5_000
    assert (plain["dated"], plain["newer"]) == (0, 0)  # the collector tracks neither strings nor bytes
    assert (gone["dated"], gone["newer"]) == (0, 0)


def test_an_object_has_attributes_and_no_entries() -> None:
    (row,) = run_inside(Path(sys.executable), PROGRAM, [holder("OBJECT", "__main__.Order")])
    assert row == {"path": "shop.OBJECT", "dated": 0, "newer": 0}
