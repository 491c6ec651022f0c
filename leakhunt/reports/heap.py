"""What is told of a heap, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from leakhunt.model.heap_view import (
    DominatorNode,
    Dominators,
    HeapDifference,
    HeapSummary,
    HeapSuspect,
    HeldObject,
    HolderChange,
    Step,
    TypePaths,
    TypeRow,
)
from leakhunt.reports.columns import columns
from leakhunt.reports.phrases import NOT_MEASURED, plain
from leakhunt.units import format_size

_MOST_STEPS: Final = 12
"""Of a path; of longer ones the middle is left out."""


def summary_lines(heap: HeapSummary) -> list[str]:
    """Where the heap is from, and how large it is."""
    origin = heap.origin
    lines = [
        f"{plain(origin.command) or 'a process'} (PID {origin.pid}), Python {plain(origin.python)}, {plain(origin.at)}",
        f"{heap.objects:,} objects, {format_size(heap.size)}"
        + (f"; RSS {format_size(origin.rss)}" if origin.rss is not None else ""),
    ]
    if heap.unreachable:
        lines.append(
            f"{heap.unreachable:,} more objects, {format_size(heap.unreachable_size)}, are cycles that wait for the"
            " collector and what they hold"
        )
    return lines


def top(heap: HeapSummary, rows: Sequence[TypeRow], number: int) -> str:
    """The types of a heap."""
    table = columns(
        ("type", "count", "shallow", "retained", "of the heap"),
        [
            (
                row.type,
                f"{row.count:,}",
                format_size(row.shallow),
                format_size(row.retained),
                _share(row.retained, heap),
            )
            for row in rows[:number]
        ],
        align="lrrrr",
    )
    more = [f"and {len(rows) - number:,} types more"] if len(rows) > number else []
    return _joined(summary_lines(heap), [*table, *more])


def dominators(found: Dominators) -> str:
    """The leak suspects, then the tree."""
    suspects = [
        line for rank, suspect in enumerate(found.suspects, start=1) for line in suspect_lines(rank, suspect)
    ] or ["No leak suspect: nothing retains a tenth of the heap."]
    tree = ["retained   of the heap  dominator tree"]
    for node in found.tree:
        tree += _tree(node, found.summary, "", "")
    return _joined(summary_lines(found.summary), suspects, tree)


def paths(found: TypePaths, number: int) -> str:
    """How the objects of a type are reached."""
    size = f"shallow {format_size(found.shallow)}, retained {format_size(found.retained)}"
    head = [f"{found.count:,} objects of {plain(found.type)}: {size}"]
    if found.looked_at < found.count:
        head.append(f"Of these every {-(-found.count // found.looked_at)}th was looked at, {found.looked_at:,} in all.")
    blocks = [
        [f"{each.count:,} ({each.count / found.looked_at:.0%}) by way of", f"  {path_text(each.path)}"]
        for each in found.paths[:number]
    ]
    rest = sum(each.count for each in found.paths[number:])
    more = [f"and {rest:,} by {len(found.paths) - number:,} ways more"] if rest else []
    return _joined(head, *blocks, more)


def held_object(found: HeldObject) -> str:
    """One object and how it is held."""
    entries = f", {found.entries:,} entries" if found.entries is not None else ""
    sizes = f"shallow {format_size(found.shallow)}, retained {format_size(found.retained)}{entries}"
    way = (
        [path_text(found.path)]
        if found.path
        else ["It cannot be reached: it waits for the collector, or is leakhunt's."]
    )
    return _joined([f"{plain(found.name)} @ {found.address:#x}: {sizes}", *_site(found)], way)


def found_objects(number: int, found: Sequence[HeldObject]) -> str:
    """Objects that were looked for."""
    table = columns(
        ("address", "object", "shallow", "retained", "held by"),
        [
            (
                f"{each.address:#x}",
                each.name,
                format_size(each.shallow),
                format_size(each.retained),
                path_text(each.path),
            )
            for each in found
        ],
        align="llrrl",
    )
    head = f"{number:,} objects" if number != 1 else "1 object"
    return _joined([head + (f", the largest {len(found):,} of them" if number > len(found) else "")], table)


def difference(found: HeapDifference, number: int) -> str:
    """What has changed between two heaps."""
    first, second = found.before, found.after
    objects = f"{first.objects:,} -> {second.objects:,} ({second.objects - first.objects:+,})"
    grown = format_size(second.size - first.size, signed=True)
    sizes = f"{format_size(first.size)} -> {format_size(second.size)} ({grown})"
    head = [
        f"from {plain(first.origin.at)} (PID {first.origin.pid})",
        f"to   {plain(second.origin.at)} (PID {second.origin.pid})",
        f"objects {objects}, {sizes}",
    ]
    table = columns(
        ("type", "count", "more", "shallow", "grown by", "retained", "grown by"),
        [
            (
                each.type,
                f"{each.after.count:,}",
                f"{each.after.count - each.before.count:+,}",
                format_size(each.after.shallow),
                format_size(each.after.shallow - each.before.shallow, signed=True),
                format_size(each.after.retained),
                format_size(each.after.retained - each.before.retained, signed=True),
            )
            for each in found.types[:number]
        ],
        align="lrrrrrr",
    )
    holders = [line for each in found.holders[:number] for line in _holder(each)]
    none = ["No holder has grown by more than 2 % of the first heap."]
    return _joined(head, holders or none, table or ["No type has changed."])


def path_text(path: Iterable[Step]) -> str:
    """`module shop -> ._KEPT (dict) -> [*] (shop.Order)`."""
    steps = list(path)
    written = [plain(steps[0].edge)] + [f"{plain(step.edge)} ({plain(step.object)})" for step in steps[1:]]
    if len(written) > _MOST_STEPS:
        half = _MOST_STEPS // 2
        written = [*written[:half], f"... {len(written) - 2 * half} more ...", *written[-half:]]
    return " -> ".join(written)


def suspect_lines(rank: int, suspect: HeapSuspect) -> list[str]:
    """One suspect, ranked."""
    what = plain(suspect.name) if suspect.count == 1 else f"{suspect.count:,} x {plain(suspect.name)}"
    verb = "retains" if suspect.count == 1 else "retain"
    lines = [f"{rank}. {what} {verb} {format_size(suspect.retained)}, {suspect.share:.0%} of the heap"]
    if suspect.point is not None:
        entries = f", {suspect.point.entries:,} entries" if suspect.point.entries is not None else ""
        lines.append(
            f"   accumulation point: {path_text(suspect.path)},"
            f" {format_size(suspect.point.retained)} retained{entries}, @ {suspect.point.address:#x}"
        )
        lines += [f"   {line}" for line in _site(suspect.point)]
    elif suspect.path:
        lines.append(f"   most of them are reached by way of {path_text(suspect.path)}")
    if suspect.holds:
        held = [f"{row.count:,} x {plain(row.type)} ({format_size(row.retained)})" for row in suspect.holds[:3]]
        lines.append(f"   which hold{'' if suspect.point is None else 's'} {', '.join(held)}")
    if suspect.sites:
        shares = ", ".join(f"{share:.0%} at {plain(site)}" for site, share in suspect.sites[:3])
        lines.append(f"   about {format_size(suspect.sampled)} of it came while allocations were sampled: {shares}")
    return lines


def _site(found: HeldObject) -> list[str]:
    return [] if found.site is None else [f"allocated at {plain(found.site)}"]


def _holder(change: HolderChange) -> list[str]:
    sizes = f"{format_size(change.before)} -> {format_size(change.after)}"
    grown = format_size(change.after - change.before, signed=True)
    entries = ""
    if change.entries_after is not None:
        entries = f", {change.entries_before or 0:,} -> {change.entries_after:,} entries"
    return [f"{grown} retained by {path_text(change.path)}", f"  {sizes}{entries}"]


def _tree(node: DominatorNode, heap: HeapSummary, first: str, rest: str) -> list[str]:
    name = plain(node.name) if node.count == 1 else f"{node.count:,} x {plain(node.name)}"
    mark = "  <- accumulation point" if node.accumulation else ""
    address = f" @ {node.address:#x}" if node.address is not None else ""
    lines = [f"{format_size(node.retained):>9}  {_share(node.retained, heap):>11}  {first}{name}{address}{mark}"]
    for place, child in enumerate(node.children):
        last = place == len(node.children) - 1
        lines += _tree(child, heap, rest + ("`- " if last else "|- "), rest + ("   " if last else "|  "))
    return lines


def _share(size: int, heap: HeapSummary) -> str:
    return f"{size / heap.size:.1%}" if heap.size else NOT_MEASURED


def _joined(*blocks: Sequence[str]) -> str:
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"
