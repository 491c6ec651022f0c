from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conftest import find_attachable
from sampler_build import built_for
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

SAMPLED = """
sys.path.insert(0, given["built"])
import _sampler
from leakhunt.agent.probes.sites import sites
from leakhunt.agent.sampling import Sampling
exec(compile(given["shop"], "/srv/shop.py", "exec"), globals())
exec(compile("def keep(): return bytes(700_000)", "<_leakhunt_agent.probes>", "exec"), globals())
_sampler.start(1000)
Sampling.module = _sampler
kept = [serve(), keep()]
result = sites(None, None)
print(json.dumps([result, "tracemalloc" in sys.modules]))
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


@pytest.mark.parametrize("version", [each for each in ("3.8", "3.12") if each in find_attachable()])
def test_where_memory_is_sampled_the_same_is_estimated(version: str) -> None:
    python = find_attachable()[version]
    result, traced = run_inside(python, SAMPLED, {"shop": SHOP, "built": str(built_for(python))})
    size, count = stacks(result)[("fill", 3), ("serve", 6)]
    # Each block of 10,000 bytes is sampled but for one in 22,000, and stands for itself.
    assert 49 * 10_000 < size < 52 * 10_000
    assert 49 <= count <= 90  # a small block on that line counts for up to 16, if it is sampled
    assert max(size for _, size, _ in result["sites"]) < 700_000
    assert not any(file.startswith("<_leakhunt_agent") for file, _, _ in result["frames"])
    assert not traced
