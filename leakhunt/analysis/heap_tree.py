"""The trees of several snapshots as one."""

from __future__ import annotations

from dataclasses import dataclass, field

from leakhunt.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class _Read:
    """One snapshot by node number."""

    values: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Count and bytes."""
    lengths: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Entries of containers, and no bytes."""


class HeapTree:
    """A number for each (parent, edge, type), the same in all snapshots; 0 stands for all roots.

    Parents come before children, so their numbers are smaller.
    """

    def __init__(self) -> None:
        self.names: dict[tuple[int, str, str], int] = {}
        self.nodes: list[tuple[int, str, str]] = []
        self._known: dict[int, _Read] = {}

    def read(self, snapshot: Snapshot) -> dict[int, tuple[int, int]]:
        """Count and bytes by node number."""
        return self._numbered(snapshot).values

    def read_lengths(self, snapshot: Snapshot) -> dict[int, tuple[int, int]]:
        """Entries by node number, of nodes that are containers, and no bytes: they are counted with `read`."""
        return self._numbered(snapshot).lengths

    def chain(self, node: int) -> list[int]:
        """The nodes from a root's name down to `node`; node 0 is left out."""
        chain = []
        while node > 0:
            chain.append(node)
            node = self.nodes[node][0]
        return chain[::-1]

    def path(self, node: int) -> str:
        """Reads like Python."""
        return "".join(self.nodes[each][1] for each in self.chain(node))

    def _numbered(self, snapshot: Snapshot) -> _Read:
        if id(snapshot) not in self._known:
            self._known[id(snapshot)] = self._number(snapshot)
        return self._known[id(snapshot)]

    def _number(self, snapshot: Snapshot) -> _Read:
        numbers: list[int] = []
        read = _Read()
        for node in snapshot.paths:
            parent = numbers[node.parent] if node.parent >= 0 else -1
            key = (parent, node.edge, node.type)
            number = self.names.setdefault(key, len(self.nodes))
            if number == len(self.nodes):
                self.nodes.append(key)
            numbers.append(number)
            count, size = read.values.get(number, (0, 0))
            read.values[number] = (count + node.count, size + node.size)
            if node.length:
                read.lengths[number] = (read.lengths.get(number, (0, 0))[0] + node.length, 0)
        return read
