from __future__ import annotations

from pathlib import Path
from typing import Any

from unit.agent.probes.inside import each_interpreter, oldest_and_newest, run_inside

PROGRAM = """
import tracemalloc
from leakhunt.agent.probes.sites import sites
exec(compile(given["shop"], "/srv/shop.py", "exec"), globals())
exec(compile("def keep(): return bytes(700_000)", "<_leakhunt_agent.probes>", "exec"), globals())
tracemalloc.start(5)
kept = [serve(), keep()]
result = sites(None, None)
print(json.dumps([result, tracemalloc.is_tracing()]))
"""

SHOP = """\
class Cache:
    def fill(self):
        return list(map(bytes, [10_000] * 50))

def serve():
    return Cache().fill()
"""


def stacks(result: dict[str, Any]) -> dict[tuple[tuple[str, int], ...], tuple[int, int]]:
    """(size, count) by stack of (function, line), of what was allocated in the shop."""
    frames = result["frames"]
    rows = [([frames[place] for place in stack], size, count) for stack, size, count in result["sites"]]
    return {
        tuple((function.rpartition(".")[2], line) for file, line, function in stack if file == "/srv/shop.py"): (
            size,
            count,
        )
        for stack, size, count in rows
        if stack[0][0] == "/srv/shop.py"
    }


@each_interpreter
def test_live_memory_is_summed_by_allocating_stack_innermost_first(python: Path) -> None:
    result, tracing = run_inside(python, PROGRAM, {"shop": SHOP})
    size, count = stacks(result)[("fill", 3), ("serve", 6)]
    assert 50 * 10_000 < size < 51 * 10_000
    assert 50 <= count <= 53  # the list and its memory are made on that line, too
    sizes = [size for _, size, _ in result["sites"]]
    assert sizes == sorted(sizes, reverse=True)
    assert not tracing


@oldest_and_newest
def test_the_agent_s_own_memory_is_left_out(python: Path) -> None:
    result, _ = run_inside(python, PROGRAM, {"shop": SHOP})
    assert max(size for _, size, _ in result["sites"]) < 700_000
    assert not any(file.startswith("<_leakhunt_agent") for file, _, _ in result["frames"])
