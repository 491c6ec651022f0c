"""Live memory by allocating stack, as far as tracemalloc has traced it or the native sampler has sampled it."""

from __future__ import annotations

from leakhunt.agent.sampling import Sampling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leakhunt.agent.child import Scene

    Totals = dict[tuple[tuple[Any, ...], ...], list[float]]
    """Stack (file, line and, where it is known, function of its frames, the innermost first) -> bytes and blocks."""

LARGEST = 1500
"""Stacks, by size."""
OWN = "<_leakhunt_agent"


def sites(_: Any, __: Scene) -> dict[str, Any]:
    """A table of frames, and rows of (positions in it with the innermost frame first, size, count).

    Size and count are exact where memory is traced, and estimates without a bias where it is sampled.
    """
    totals = _sampled(Sampling.module) if Sampling.module is not None else _traced()
    table: dict[tuple[str, int, str], int] = {}
    rows = []
    for stack, (size, count) in sorted(totals.items(), key=lambda item: -item[1][0]):
        if not stack or stack[0][0].startswith(OWN):
            continue
        kept = [(*frame, "")[:3] for frame in stack if not frame[0].startswith(OWN)]
        rows.append(([table.setdefault(frame, len(table)) for frame in kept], round(size), round(count)))
        if len(rows) == LARGEST:
            break
    unnamed = {file for file, _, function in table if not function}
    functions = _functions(unnamed) if unnamed else {}
    frames = [(file, line, function or functions.get((file, line), "")) for file, line, function in table]
    return {"frames": frames, "sites": rows}


def _traced() -> Totals:
    import tracemalloc

    totals: Totals = {}
    traces = tracemalloc._get_traces()  # type: ignore[attr-defined]  # what take_snapshot itself is made of
    tracemalloc.stop()  # in the child only, where tracing would slow the other probes down
    # The raw traces: a `Snapshot` would make objects for each of what may be millions.
    for trace in traces:
        total = totals.setdefault(trace[2], [0, 0])
        total[0] += trace[1]
        total[1] += 1
    return totals


def _sampled(sampler: Any) -> Totals:
    reading = sampler.read()
    stacks = [tuple(reading["frames"][place] for place in places) for places, _ in reading["stacks"]]
    totals: Totals = {}
    for _, size, chance, stack, *_ in reading["samples"]:
        total = totals.setdefault(stacks[stack], [0, 0])  # two that differ in instructions of one line are the same
        total[0] += size / chance
        total[1] += 1 / chance
    return totals


def _functions(files: set[str]) -> dict[tuple[str, int], str]:
    """Name of the function at each line of these files, from live code objects: tracemalloc keeps lines only."""
    import gc
    import types

    found: dict[tuple[str, int], tuple[int, str]] = {}
    todo = [each.__code__ for each in gc.get_objects() if type(each) is types.FunctionType]
    known = set()
    while todo:
        code = todo.pop()
        if code in known:
            continue
        known.add(code)
        todo += [each for each in code.co_consts if isinstance(each, types.CodeType)]
        if code.co_filename in files:
            _note_lines(found, code)
    return {place: name for place, (_, name) in found.items()}


def _note_lines(found: dict[tuple[str, int], tuple[int, str]], code: Any) -> None:
    import dis

    name = getattr(code, "co_qualname", code.co_name)
    for _, line in dis.findlinestarts(code):
        if line is None:
            continue
        # A line inside a nested function belongs to the function that starts last before it.
        place = (code.co_filename, line)
        if place not in found or found[place][0] <= code.co_firstlineno:
            found[place] = (code.co_firstlineno, name)
