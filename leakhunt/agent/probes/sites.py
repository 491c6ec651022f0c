"""Live memory by allocating stack, as far as tracemalloc has traced it."""

from __future__ import annotations

import tracemalloc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leakhunt.agent.child import Scene

LARGEST = 1500
"""Stacks, by size."""
OWN = "<_leakhunt_agent"


def sites(_: Any, __: Scene) -> dict[str, Any]:
    """A table of frames, and rows of (positions in it with the innermost frame first, size, count)."""
    totals: dict[Any, list[int]] = {}
    traces = tracemalloc._get_traces()  # type: ignore[attr-defined]  # what take_snapshot itself is made of
    tracemalloc.stop()  # in the child only, where tracing would slow the other probes down
    # The raw traces: a `Snapshot` would make objects for each of what may be millions.
    for trace in traces:
        total = totals.setdefault(trace[2], [0, 0])
        total[0] += trace[1]
        total[1] += 1
    table: dict[tuple[str, int, str], int] = {}
    rows = []
    for stack, (size, count) in sorted(totals.items(), key=lambda item: -item[1][0]):
        if any(file.startswith(OWN) for file, _ in stack[:1]):
            continue
        kept = [frame for frame in stack if not frame[0].startswith(OWN)]
        rows.append(([table.setdefault((file, line, ""), len(table)) for file, line in kept], size, count))
        if len(rows) == LARGEST:
            break
    functions = _functions({file for file, _, _ in table})
    return {"frames": [(file, line, functions.get((file, line), "")) for file, line, _ in table], "sites": rows}


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
