from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from leakhunt.targets.shipped import MODULES, source
from unit.agent.probes.inside import oldest_and_newest, run_inside

PROGRAM = """
from leakhunt.agent.probes.holders import holders
shop = sys.modules["shop"] = types.ModuleType("shop")
shop.CACHE = {f"order-{number}": [bytes(1000)] for number in range(500)}
print(json.dumps(holders(given, scene())))
"""
CACHE = {"path": "shop.CACHE", "chain": [("shop", "module"), (".CACHE", "dict")]}
GONE = {"path": "shop.GONE", "chain": [("shop", "module"), (".GONE", "list")]}


def request(*paths: dict[str, Any], values: bool = False, budget: float = 60) -> dict[str, Any]:
    sources = {name: source(name) for name in MODULES}
    return {"paths": paths, "sources": sources, "values": values, "budget": budget}


@oldest_and_newest
def test_a_holder_is_measured_and_its_chain_told(python: Path) -> None:
    gone, cache = run_inside(python, PROGRAM, request(GONE, CACHE))
    assert (gone["path"], gone["length"], gone["problems"]) == ("shop.GONE", None, ["it was not found again"])
    assert (cache["path"], cache["type"], cache["length"], cache["problems"]) == ("shop.CACHE", "dict", 500, [])
    assert 500 * 1000 < cache["deep_size"] < 500 * 1300
    assert cache["chain"] == ["module shop", "__dict__: dict of 6", ".CACHE: dict of 500", "[str of 9]: list of 1"]


def test_keys_are_told_where_values_may_be() -> None:
    (cache,) = run_inside(Path(sys.executable), PROGRAM, request(CACHE, values=True))
    assert cache["chain"][-1] == "['order-499']: list of 1"


def test_what_comes_after_the_time_is_only_counted() -> None:
    (cache,) = run_inside(Path(sys.executable), PROGRAM, request(CACHE, budget=0))
    assert (cache["length"], cache["deep_size"], cache["chain"]) == (500, None, [])
    assert cache["problems"] == ["no time was left to look closer"]
