"""Memory line by line for named functions: the tables of all workers put together."""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from leakhunt.errors import TargetError
from leakhunt.model.lines import FunctionUse, LineTable, LineUse

Entry: TypeAlias = Mapping[str, Any]
"""One function in one worker, as `leakhunt.agent.lines.table` gives it."""


def merge_tables(tables: Iterable[Sequence[Entry]]) -> LineTable:
    """Put the tables of several workers together.

    Raises:
        TargetError: memory_profiler is not installed in the target.
    """
    by_name: dict[str, list[Entry]] = {}
    for table in tables:
        for entry in table:
            by_name.setdefault(entry["name"], []).append(entry)
    functions, problems = [], []
    for name, entries in by_name.items():
        # A server's master may never import the app; what one worker has measured settles it.
        measured = [entry for entry in entries if entry.get("problem") is None]
        if not measured:
            _require_memory_profiler(entries)
            # Who has imported the module knows best.
            best = max(entries, key=lambda entry: bool(entry.get("imported")))
            problems.append(f"{name}: {best['problem']}.")
        elif not any(entry["calls"] for entry in measured):
            problems.append(f"{name}: no request of this workload called it.")
        else:
            functions.append(_merge(name, measured))
    return LineTable(tuple(sorted(functions, key=lambda function: -function.kept)), tuple(problems))


def _require_memory_profiler(entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.get("missing"):
            raise TargetError(
                f"{entry['problem']}",
                "Install it into the environment that the target runs in: python -m pip install memory-profiler",
            )


def _merge(name: str, entries: Sequence[Entry]) -> FunctionUse:
    increments: Counter[int] = Counter()
    occurrences: Counter[int] = Counter()
    for entry in entries:
        for number, increment, count in entry["lines"]:
            increments[number] += increment
            occurrences[number] += count
    file: str = entries[0]["file"]
    return FunctionUse(
        name=name,
        file=file,
        first_line=entries[0]["first_line"],
        calls=sum(entry["calls"] for entry in entries),
        kept=sum(entry["kept"] for entry in entries),
        peak=sum(entry["peak"] for entry in entries),
        lines=tuple(
            LineUse(number, linecache.getline(file, number).rstrip(), increments[number], occurrences[number])
            for number in sorted(occurrences)
        ),
    )
