"""What is told of a heap. Sizes are in bytes; *shallow* is an object alone, *retained* all that would go with it."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.model.heap import Column, HeapOrigin
from leakhunt.units import Bytes


@dataclass(frozen=True, slots=True)
class TypeRow:
    """All objects of one type."""

    type: str
    count: int
    shallow: Bytes
    retained: Bytes
    """By these objects together; what one of them holds of another counts once."""


@dataclass(frozen=True, slots=True)
class HeapSummary:
    """A heap as a whole."""

    origin: HeapOrigin
    objects: int
    """That can be reached."""
    size: Bytes
    """Of these."""
    roots: int
    outside: int
    """Objects that only C code holds."""
    unreachable: int
    """Objects in cycles that wait for the collector, and what only they hold."""
    unreachable_size: Bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One object of a path."""

    edge: str
    """As written in Python; the name of the root for the first."""
    object: str
    count: int = 1
    """So many of the objects that were looked at pass here."""


@dataclass(frozen=True, slots=True)
class HeldObject:
    """One object, and how it is held."""

    address: int
    name: str
    shallow: Bytes
    retained: Bytes
    path: tuple[Step, ...]
    """The shortest from a root."""
    entries: int | None = None
    """Of a container."""
    site: str | None = None
    """Where it was allocated, if that was sampled."""


@dataclass(frozen=True, slots=True)
class MergedPath:
    """All objects of a type that are reached the same way, entries of containers not told apart."""

    path: tuple[Step, ...]
    count: int
    """Of the objects that were looked at."""
    shallow: Bytes


@dataclass(frozen=True, slots=True)
class TypePaths:
    """How the objects of a type are reached."""

    type: str
    count: int
    shallow: Bytes
    retained: Bytes
    looked_at: int
    """Objects whose paths were looked at: of very many not all."""
    paths: tuple[MergedPath, ...]


@dataclass(frozen=True, slots=True)
class DominatorNode:
    """One node of the dominator tree, or several that are shown as one."""

    name: str
    retained: Bytes
    shallow: Bytes
    count: int
    """Objects: 1, or how many of a type beside each other."""
    address: int | None
    children: tuple[DominatorNode, ...] = ()
    accumulation: bool = False
    """Nothing below it holds most of what it holds: here it comes together."""


@dataclass(frozen=True, slots=True)
class HeapSuspect:
    """A leak suspect: an object, or all objects of a type beside each other, that hold a large part of the heap."""

    name: str
    count: int
    retained: Bytes
    share: float
    """Of the heap."""
    path: tuple[Step, ...]
    """To the accumulation point."""
    point: HeldObject | None
    """The accumulation point; None where there is none."""
    holds: tuple[TypeRow, ...]
    """What the accumulation point holds immediately, by type."""
    sampled: Bytes = 0
    """Of what it retains, about so much was allocated while allocations were sampled."""
    sites: tuple[tuple[str, float], ...] = ()
    """Where that was, and the share of each."""


@dataclass(frozen=True, slots=True)
class Dominators:
    """The heap by who dominates it."""

    summary: HeapSummary
    suspects: tuple[HeapSuspect, ...]
    tree: tuple[DominatorNode, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PackedTree:
    """The dominator tree of all objects in preorder, of those beside each other the ones that retain more first."""

    counts: Column
    """Objects that each dominates, itself included."""
    sizes: Column
    """Of each alone."""
    edges: Column
    """By which reference it is reached: numbers in `edge_names`."""
    names: Column
    """What it is: numbers in `object_names`."""
    edge_names: tuple[str, ...]
    object_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TypeChange:
    """One type in two heaps."""

    type: str
    before: TypeRow
    after: TypeRow


@dataclass(frozen=True, slots=True)
class HolderChange:
    """What is held by way of one path, in two heaps."""

    path: tuple[Step, ...]
    before: Bytes
    """Retained."""
    after: Bytes
    entries_before: int | None
    entries_after: int | None


@dataclass(frozen=True, slots=True)
class HeapDifference:
    """Two heaps."""

    before: HeapSummary
    after: HeapSummary
    types: tuple[TypeChange, ...]
    holders: tuple[HolderChange, ...]
